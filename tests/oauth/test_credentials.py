"""What proves who we are, made anew for each request, and what tells that it was replaced."""

import asyncio
import threading
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import template_reader
from gateway.config.template import read_template
from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.oauth.objections import UsedAlgorithms
from gateway.core.oauth.token_outcome import Failed
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, TlsFiles
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings, SigningAlgorithm
from gateway.core.text import plain_text
from gateway.oauth import dpop_key, signing_key
from gateway.oauth.credentials import DPOP_KEY, UNREADABLE, Credentials, random_jti, unusable
from tests.oauth.certificates import make_certificate
from tests.oauth.fakes import WALL_S, client_settings
from tests.oauth.keys import FITTING, pem, public_pem

URL = "https://login.test/token"
ERRORS = [FileNotFoundError("/run/secrets/crm"), PermissionError("hunter2"), ValueError("hunter2")]


def made() -> Credentials:
    numbers = count(1)
    return Credentials(lambda: WALL_S, lambda: f"jti-{next(numbers)}")


def client(*secrets: str, **grant: object) -> ClientSettings:
    settings = client_settings(credentials=tuple(lambda text=text: Secret(text) for text in secrets))
    return replace(settings, grant=replace(settings.grant, **grant))


def signing(credential: str, **members: object) -> ClientSettings:
    assertion = AssertionSettings(None, **members)
    return client(
        credential, method=AuthMethod.PRIVATE_KEY_JWT, assertion=assertion, assertion_type=JWT_BEARER
    )


def failing(error: Exception):
    def read() -> Secret:
        raise error

    return read


# ── secrets and assertions ────────────────────────────────────────────────────────────────────────


def test_the_secret_of_that_number_is_given_as_it_is_kept():
    assert [made().of_client(client("a", "b"), number, URL) for number in (0, 1)] == [
        Secret("a"),
        Secret("b"),
    ]


@pytest.mark.parametrize("error", ERRORS)
def test_a_secret_that_cannot_be_read_is_a_failure_that_says_nothing_of_it(error: Exception):
    broken = replace(client("a"), credentials=(failing(error),))
    assert made().of_client(broken, 0, URL) == unusable("client_secret", UNREADABLE)


# ── a key that is caught half-written ─────────────────────────────────────────────────────────────


def watched() -> tuple[Credentials, list[str]]:
    told: list[str] = []
    return Credentials(lambda: WALL_S, lambda: "jti", lambda event: told.append(event.reason)), told


def signed_by(given: Secret | Failed, kind: str) -> bool:
    assert isinstance(given, Secret), given
    try:
        jwt.decode(
            given.reveal(),
            public_pem(kind),
            [FITTING[kind][0]],
            audience=URL,
            options={"verify_exp": False, "verify_iat": False},
        )
    except jwt.InvalidSignatureError:
        return False
    return True


def test_at_every_byte_of_a_key_that_is_written_the_last_good_one_signs(tmp_path: Path):
    """As a program does that opens the file, truncates it, and writes: nothing ever fails."""
    file, old, new = tmp_path / "key.pem", pem("p256"), pem("ed25519")
    file.write_text(old)
    settings = signing("")
    reader = template_reader(
        read_template(f"${{file:{file}}}"), ReferenceValues({}, tmp_path), plain_text.lines
    )
    settings, (proofs, told) = replace(settings, credentials=(reader,)), watched()
    assert signed_by(proofs.of_client(settings, 0, URL), "p256")
    whole = len(new.rstrip("\n"))
    for end in range(0, whole, 3):
        file.write_text(new[:end])
        assert signed_by(proofs.of_client(settings, 0, URL), "p256"), end
    assert told == ["the private key is neither PEM nor a JWK"], "told once"
    file.write_text(new)
    assert signed_by(proofs.of_client(settings, 0, URL), "ed25519")


def test_each_bad_replacement_is_told_once():
    proofs, told = watched()
    for key in ("good", "bad", "bad", "good", "worse", "bad"):
        credential = pem("p256") if key == "good" else key
        assert isinstance(proofs.of_client(signing(credential), 0, URL), Secret)
    assert len(told) == 2


def test_a_certificate_that_was_replaced_before_its_key_stops_nothing(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    settings, (proofs, told) = signing(key.read_text(), certificate=str(certificate)), watched()
    thumbprints = [head_of(proofs.of_client(settings, 0, URL))]
    make_certificate(tmp_path)  # another pair, of whose key the reader has not heard
    thumbprints.append(head_of(proofs.of_client(settings, 0, URL)))
    certificate.write_text("-----BEGIN CERT")
    thumbprints.append(head_of(proofs.of_client(settings, 0, URL)))
    certificate.unlink()
    thumbprints.append(head_of(proofs.of_client(settings, 0, URL)))
    assert len(set(thumbprints)) == 1
    assert told == ["assertion_certificate is not the certificate of the private key"]


def head_of(given: Secret | Failed) -> str:
    assert isinstance(given, Secret), given
    return jwt.get_unverified_header(given.reveal())["x5t#S256"]


async def test_a_key_that_tokens_are_bound_to_stays_too():
    proofs, told = watched()
    bound = client("a", dpop=DpopSettings())
    first = await proofs.dpop_key(replace(bound, dpop_key=lambda: Secret(pem("p256"))))
    kept = await proofs.dpop_key(replace(bound, dpop_key=lambda: Secret(pem("p256")[:100])))
    assert kept is first
    assert len(told) == 1


def test_where_no_key_was_ever_good_there_is_none_to_keep():
    proofs, told = watched()
    assert isinstance(proofs.of_client(signing("bad"), 0, URL), Failed)
    assert told == []


def test_one_clients_key_is_never_anothers():
    proofs, _ = watched()
    proofs.of_client(signing(pem("p256")), 0, URL)
    other = signing("bad")
    other = replace(other, grant=replace(other.grant, client=ClientName("erp")))
    assert isinstance(proofs.of_client(other, 0, URL), Failed)
    several = replace(signing(""), credentials=(lambda: Secret(pem("p256")), lambda: Secret("bad")))
    assert isinstance(proofs.of_client(several, 1, URL), Failed)


def test_an_assertion_is_made_for_the_endpoint_that_is_asked_and_only_once():
    proofs, settings = made(), signing(pem("p256"))
    given = [proofs.of_client(settings, 0, url) for url in (URL, "https://moved.test/token")]
    claims = [jwt.decode(each.reveal(), options={"verify_signature": False}) for each in given]
    assert [each["aud"] for each in claims] == [URL, "https://moved.test/token"]
    assert [each["jti"] for each in claims] == ["jti-1", "jti-2"]
    assert [each["exp"] - each["iat"] for each in claims] == [60, 60]


def test_a_key_that_cannot_sign_is_a_failure_that_says_why():
    failed = made().of_client(signing("hunter2"), 0, URL)
    assert isinstance(failed, Failed)
    assert failed == unusable(
        "private_key", "the client cannot sign its assertion: the private key is neither PEM nor a JWK"
    )


async def test_what_signs_follows_from_the_keys_where_nothing_else_is_written():
    bound = replace(signing(pem("p384")), dpop_key=lambda: Secret(pem("ed25519")))
    bound = replace(bound, grant=replace(bound.grant, dpop=DpopSettings()))
    in_memory = client("a", dpop=DpopSettings())
    chosen = signing(pem("rsa"), algorithm=SigningAlgorithm.PS256)
    assert await used_by(client("a")) == UsedAlgorithms()
    assert await used_by(bound) == UsedAlgorithms(SigningAlgorithm.ES384, SigningAlgorithm.EDDSA)
    assert await used_by(in_memory) == UsedAlgorithms(dpop=SigningAlgorithm.ES256)
    assert await used_by(chosen) == UsedAlgorithms(SigningAlgorithm.PS256)


async def used_by(settings: ClientSettings) -> UsedAlgorithms:
    """What signed, once all was asked for that a token request takes."""
    proofs = made()
    proofs.of_client(settings, 0, URL)
    await proofs.dpop_key(settings)
    return proofs.used_algorithms(settings)


@pytest.mark.parametrize("error", ERRORS)
async def test_of_keys_that_cannot_be_used_no_algorithm_is_told(error: Exception):
    broken = replace(signing("hunter2"), dpop_key=failing(error))
    broken = replace(broken, grant=replace(broken.grant, dpop=DpopSettings()))
    assert await used_by(broken) == UsedAlgorithms()


def test_an_identifier_is_never_given_twice():
    given = {random_jti() for _ in range(1000)}
    assert len(given) == 1000
    assert all(len(each) >= 16 for each in given)


# ── keys that tokens are bound to ─────────────────────────────────────────────────────────────────


async def test_who_binds_nothing_has_no_key():
    assert await made().dpop_key(client("a")) is None


async def test_a_key_that_is_made_here_stays_the_same_for_each_client():
    proofs, ours = made(), client("a", dpop=DpopSettings())
    key = await proofs.dpop_key(ours)
    assert await proofs.dpop_key(replace(ours, grant=replace(ours.grant, scope=("x",)))) is key
    assert (
        await proofs.dpop_key(replace(ours, grant=replace(ours.grant, client=ClientName("erp")))) is not key
    )


@pytest.mark.parametrize("error", ERRORS)
async def test_a_key_that_cannot_be_read_is_a_failure_that_says_nothing_of_it(error: Exception):
    broken = replace(client("a", dpop=DpopSettings()), dpop_key=failing(error))
    assert await made().dpop_key(broken) == unusable(DPOP_KEY, UNREADABLE)


# ── what keys cost ────────────────────────────────────────────────────────────────────────────────


def cost_s(work) -> float:
    began_s = time.thread_time()
    work()
    return time.thread_time() - began_s


def test_however_many_clients_sign_each_key_is_read_once():
    """A cache of 64 keys was defeated by a 65th client, and each miss stopped the loop for 40 ms."""
    proofs, read = made(), []
    settings = [
        replace(each, grant=replace(each.grant, client=ClientName(f"c{number}")))
        for number, each in enumerate([signing(pem("rsa"))] * 100)
    ]
    original = signing_key.load_pem_private_key

    def counted(*args: object, **named: object) -> object:
        read.append(1)
        return original(*args, **named)

    signing_key.load_pem_private_key = counted
    try:
        for _ in range(3):
            for each in settings:
                assert isinstance(proofs.of_client(each, 0, URL), Secret)
        assert len(read) == 100
        assert signed_by(
            proofs.of_client(replace(settings[0], credentials=(lambda: Secret(pem("p256")),)), 0, URL), "p256"
        )
        assert len(read) == 101
    finally:
        signing_key.load_pem_private_key = original


def test_reading_an_rsa_key_costs_no_more_than_some_signatures():
    """OpenSSL's own check would cost as much as 70 of them, and hold the lock of all threads meanwhile."""
    settings, proofs = signing(pem("rsa")), made()
    assert isinstance(proofs.of_client(settings, 0, URL), Secret)
    signatures_s = min(
        cost_s(lambda: [proofs.of_client(settings, 0, URL) for _ in range(10)]) for _ in range(3)
    )
    reading_s = min(cost_s(lambda: made().of_client(settings, 0, URL)) for _ in range(3))
    assert reading_s < signatures_s


async def test_making_an_rsa_key_leaves_the_loop_free_and_is_done_once_for_a_client(monkeypatch):
    proofs, may_end, began = made(), threading.Event(), []
    generate = rsa.generate_private_key

    def slowly(**sizes):
        began.append(1)
        assert may_end.wait(60), "the loop had no turn meanwhile"
        return generate(**sizes)

    monkeypatch.setattr(dpop_key.rsa, "generate_private_key", slowly)
    ours = client("a", dpop=DpopSettings(SigningAlgorithm.PS256))
    making = asyncio.gather(*(proofs.dpop_key(ours) for _ in range(5)))
    while not began and not making.done():
        await asyncio.sleep(0.001)
    may_end.set()
    first, *others = await making
    assert all(each is first for each in others)
    assert len(began) == 1


# ── marks ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def written(tmp_path: Path):
    """A client that proves itself with all there is, and what it is kept in."""
    texts = {"first": "a", "second": "b", "dpop": "k"}
    files = {name: tmp_path / f"{name}.pem" for name in ("certificate", "key", "ca", "assertion")}
    for path in files.values():
        path.write_text("old")
    settings = signing("", certificate=str(files["assertion"]))
    grant = replace(settings.grant, certificate=TlsFiles(str(files["certificate"]), str(files["key"])))
    settings = replace(
        settings,
        grant=grant,
        credentials=(lambda: Secret(texts["first"]), lambda: Secret(texts["second"])),
        dpop_key=lambda: Secret(texts["dpop"]),
        reach=replace(settings.reach, ca_file=str(files["ca"])),
    )
    return settings, texts, files


def test_a_mark_stays_while_nothing_is_replaced(written):
    settings, _, _ = written
    assert Credentials.credentials_mark(settings) == Credentials.credentials_mark(settings)
    assert hash(Credentials.credentials_mark(settings)) == hash(Credentials.credentials_mark(settings))


@pytest.mark.parametrize("name", ["first", "second", "dpop"])
def test_each_text_that_is_replaced_changes_the_mark(written, name: str):
    settings, texts, _ = written
    before = Credentials.credentials_mark(settings)
    texts[name] = "new"
    assert Credentials.credentials_mark(settings) != before


@pytest.mark.parametrize("name", ["certificate", "key", "ca", "assertion"])
def test_each_file_that_is_replaced_changes_the_mark(written, name: str):
    settings, _, files = written
    before = Credentials.credentials_mark(settings)
    files[name].write_text("renewed")
    after = Credentials.credentials_mark(settings)
    assert after != before
    files[name].unlink()
    assert Credentials.credentials_mark(settings) not in {before, after}


@pytest.mark.parametrize("error", ERRORS)
def test_what_cannot_be_read_has_a_mark_too_and_another_once_it_can(error: Exception):
    broken = replace(client("a"), credentials=(failing(error),))
    assert Credentials.credentials_mark(broken) == Credentials.credentials_mark(broken)
    assert Credentials.credentials_mark(broken) != Credentials.credentials_mark(client("a"))


def test_a_mark_shows_nothing_of_what_it_marks(written):
    settings, texts, _ = written
    texts["first"] = "hunter2"
    assert "hunter2" not in repr(Credentials.credentials_mark(settings))


# ── what is shown in the handshake ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_certificate_or_a_key_that_is_replaced_shows_something_else(written, name: str):
    settings, _, files = written
    proofs = made()
    before = proofs.certificate_mark(settings)
    files[name].write_text("new")
    assert proofs.certificate_mark(settings) != before
    files[name].write_text("old")
    assert proofs.certificate_mark(settings) == before


@pytest.mark.parametrize("name", ["ca", "assertion"])
def test_other_files_show_nothing(written, name: str):
    settings, texts, files = written
    proofs = made()
    before = proofs.certificate_mark(settings)
    files[name].write_text("new")
    texts["first"] = texts["dpop"] = "new"
    assert proofs.certificate_mark(settings) == before


def test_files_that_are_swapped_for_equal_ones_show_what_they_showed(written):
    """As Kubernetes does it when anything in a volume is replaced; and what is missing replaces nothing."""
    settings, _, files = written
    proofs = made()
    before, mark = proofs.certificate_mark(settings), proofs.credentials_mark(settings)
    for path in files.values():
        path.with_suffix(".new").write_text("old")
        path.with_suffix(".new").replace(path)
    assert (proofs.certificate_mark(settings), proofs.credentials_mark(settings) == mark) == (before, False)
    files["key"].unlink()
    assert proofs.certificate_mark(settings) == before


def test_who_shows_no_certificate_shows_nothing():
    assert made().certificate_mark(client("a")) == b""
