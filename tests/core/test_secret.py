import copy
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.core.secret import Secret

TEXT = "hunter2-hunter2"


@pytest.mark.parametrize(
    "shown",
    [repr, str, lambda s: f"{s}", lambda s: f"{s!r:>40}", "{:s}".format, "%s".__mod__, "%r".__mod__, lambda s: repr([s]),
     lambda s: repr({"key": s}), lambda s: repr(vars(type(s)).keys())],
)  # fmt: skip
def test_a_secret_does_not_show(shown):
    assert TEXT not in shown(Secret(TEXT))


def test_only_reveal_gives_the_text():
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_neither_pickled_nor_copied(take):
    with pytest.raises(TypeError) as refusal:
        take(Secret(TEXT))

    assert TEXT not in str(refusal.value)


def test_a_secret_has_no_dictionary_to_look_into():
    with pytest.raises(TypeError):
        vars(Secret(TEXT))


@given(st.text(), st.text())
def test_secrets_are_equal_where_their_texts_are(one, other):
    assert (Secret(one) == Secret(other)) == (one == other)
    assert bool(Secret(one)) == bool(one)
    assert hash(Secret(one)) == hash(Secret(one))


def test_a_secret_equals_no_text():
    assert Secret(TEXT) != TEXT


def test_few_places_reveal_a_secret():
    """Each further one is a decision: name it here (style, rule 9)."""
    package = Path(gateway.__file__).parent
    reveals = {
        str(path.relative_to(package)): len(re.findall(r"\.reveal\(\)", path.read_text()))
        for path in package.rglob("*.py")
    }

    assert {path: count for path, count in reveals.items() if count} == {
        "cli/doctor_commands.py": 1,  # `gateway token --raw`, which asks for the token itself
        "core/oauth/diagnosis/alternatives.py": 1,
        "core/oauth/diagnosis/grant_witness.py": 1,  # what is odd about a secret, without a character of it
        "core/oauth/diagnosis/login_witness.py": 2,  # the same, and what else the doctor hides
        "crew/keeper.py": 1,  # the key that signs who calls, likewise
        "crew/publisher.py": 1,  # the key of a bound token, for the other processes of this gateway
        "core/http/connect_method.py": 1,  # a forward proxy's password, for it alone
        "core/oauth/bearer.py": 3,  # the token and what came with it, ready to be sent; its fingerprint
        "core/oauth/logins/login_jar.py": 1,  # the cookies of a login, for its next step
        "core/oauth/logins/login_request.py": 2,  # what a step sends: secrets, and what earlier steps gave
        "core/text/masking.py": 1,
        "doctor/report_build.py": 1,
        "core/secret.py": 1,
        "core/oauth/token_request.py": 5,
        "demo/registrations.py": 2,
        "oauth/credentials.py": 1,  # values of a grant that are read again for each token request
        "oauth/dpop_key.py": 1,
        "oauth/signing_key.py": 2,
        "packing.py": 1,  # for a process of this gateway, over a pipe that is theirs alone
        "secret_text.py": 1,  # a secret that is put together
        "system/text_file.py": 1,
    }
