"""Callers with passwords, on the wire."""

import asyncio
import json
import logging
import os
from base64 import b64encode

import bcrypt
import pytest

from gateway.access import password_hashes
from gateway.access.failures import BURST
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import AccessEntry, AccessRule, BasicWay, GateSettings, WaySettings
from tests.real.programs import find, needs
from tests.wire.messages import request
from tests.wire.rig import Rig

OPS = WayName("ops")
ANN = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
BOB = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()


def rig(file):
    rule = AccessRule((AccessEntry((OPS,)),))
    way = {OPS: WaySettings(OPS, BasicWay(str(file)))}
    return Rig(routes=lambda rig: [rig.route("/", gate=GateSettings(rule))], callers=way)


def basic(user, password):
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "htpasswd"
    path.write_text(f"ann:{ANN}\nbob:{BOB}\nmd5:$apr1$salt$aaaaaaaaaaaaaaaaaaaaaa\n")
    return path


def way_of(at):
    return at.gateway.generation.ways.credentials[OPS]


def counted(at):
    """Count what the threads verify from now on."""
    desk, passwords = at.gateway.generation.ways.desk, []
    matches = desk._matches

    def counting(password, hashed):
        passwords.append(password)
        return matches(password, hashed)

    desk._matches = counting
    return passwords


async def test_a_user_passes_with_our_token_and_without_the_password(file):
    async with rig(file) as at:
        answer = await at.get("/", basic("ann", "secret"))
        (asked,) = at.upstream.requests

    assert answer.status == 200
    assert asked.token == "token_1"
    assert b64encode(b"ann:secret") not in asked.head.raw
    assert at.told.records[-1].caller_id == "ops:ann"


REFUSED = {
    "a wrong password": basic("ann", "Secret"),
    "the password of another": basic("ann", "other"),
    "a user whose hash is MD5": basic("md5", "secret"),
    "an unknown user with the password of a known one": basic("eve", "secret"),
    "an unknown user with the password of another known one": basic("eve", "other"),
    "no base64": "Authorization: Basic ann:secret",
    "no colon": f"Authorization: Basic {b64encode(b'ann').decode()}",
    "nothing": "Authorization: Basic ",
}


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED)
async def test_anything_else_is_refused(file, line):
    async with rig(file) as at:
        answer = await at.get("/", line)

    assert answer.status == 401
    assert json.loads(answer.body)["type"].endswith(":credential_invalid")
    assert answer.head.value("WWW-Authenticate") == b'Basic realm="gateway", charset="UTF-8"'
    assert at.upstream.requests == []


async def test_a_result_is_remembered_and_a_password_asked_for_once_at_a_time(file):
    async with rig(file) as at:
        passwords = counted(at)
        answers = await asyncio.gather(*(at.get("/", basic("ann", "secret")) for _ in range(20)))
        again = await at.get("/", basic("ann", "secret"))
        wrong = [await at.get("/", basic("ann", "wrong")) for _ in range(2)]

    assert {each.status for each in (*answers, again)} == {200}
    assert [each.status for each in wrong] == [401, 401]
    assert passwords == [b"secret", b"wrong"]


async def test_whether_a_user_exists_makes_no_difference(file):
    async with rig(file) as at:
        passwords = counted(at)
        await at.get("/", basic("eve", "a"))
        await at.get("/", basic("ann", "b"))

    assert passwords == [b"a", b"b"]


async def test_beyond_a_few_wrong_ones_no_new_one_is_looked_at(file):
    async with rig(file) as at:
        assert (await at.get("/", basic("ann", "secret"))).status == 200
        passwords = counted(at)
        answers = [await at.get("/", basic("ann", f"guess {number}")) for number in range(BURST + 3)]
        known = await at.get("/", basic("ann", "secret"))

    assert [each.status for each in answers] == [401] * BURST + [429] * 3
    assert json.loads(answers[-1].body)["type"].endswith(":too_many_failures")
    assert 1 <= int(answers[-1].head.value("Retry-After")) <= 6
    assert len(passwords) == BURST
    assert known.status == 200


async def test_guesses_do_not_keep_out_a_user_whose_password_was_right_before(file):
    async with rig(file) as at:
        assert (await at.get("/", basic("ann", "secret"))).status == 200
        for number in range(BURST):
            await at.get("/", basic("ann", f"guess {number}"))
        at.gateway.generation.ways.credentials[OPS].verified.forget()

        assert (await at.get("/", basic("ann", "secret"))).status == 200
        assert (await at.get("/", basic("ann", "guess"))).status == 429


async def test_a_password_that_was_right_before_is_no_guess(file):
    async with rig(file) as at:
        assert (await at.get("/", basic("ann", "secret"))).status == 200
        way_of(at).verified.forget()  # as after a while
        for number in range(BURST + 1):
            await at.get("/", basic("ann", f"guess {number}"))
        answers = [await at.get("/", basic(*each)) for each in (("ann", "secret"), ("bob", "other"))]

    assert [each.status for each in answers] == [200, 429]


async def test_guesses_at_once_count_like_guesses_in_turn(file):
    async with rig(file) as at:
        passwords = counted(at)
        await asyncio.gather(*(at.get("/", basic("ann", f"guess {number}")) for number in range(3 * BURST)))

    assert len(passwords) == BURST


async def test_a_change_of_the_file_takes_effect_for_its_user_alone(file):
    async with rig(file) as at:
        way = way_of(at)
        for user, password in (("ann", "secret"), ("bob", "other")):
            assert (await at.get("/", basic(user, password))).status == 200
        assert (await at.get("/", basic("cy", "new"))).status == 401
        passwords = counted(at)
        new = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
        file.write_text(f"bob:{BOB}\ncy:{new}\n")
        way.file.look()

        statuses = [
            (await at.get("/", basic(user, password))).status
            for user, password in (("ann", "secret"), ("bob", "other"), ("cy", "new"))
        ]

    assert statuses == [401, 200, 200]
    assert passwords == [b"secret", b"new"]  # that of bob was remembered


async def test_a_line_of_no_use_is_told_with_its_number(file, caplog):
    with caplog.at_level(logging.WARNING):
        async with rig(file):
            pass

    (told,) = [each.getMessage() for each in caplog.records if "htpasswd" in each.getMessage()]
    assert told.startswith(f"callers.ops.basic.htpasswd: {file} line 3: an MD5 hash is guessed too fast")


async def test_without_a_file_nobody_is_blamed(tmp_path):
    async with rig(tmp_path / "none") as at:
        answer = await at.get("/", basic("ann", "secret"))

    assert answer.status == 503
    assert json.loads(answer.body)["side"] == "gateway"


async def test_without_the_library_nobody_is_blamed(file, monkeypatch, caplog):
    monkeypatch.setattr(password_hashes, "find_spec", lambda name: None)
    async with rig(file) as at:
        answer = await at.get("/", basic("ann", "secret"))

    assert answer.status == 503
    assert "needs bcrypt, which is not installed: pip install bcrypt" in caplog.text


async def test_two_credentials_are_refused(file):
    async with rig(file) as at:
        answer = await at.ask(request("GET", "/", basic("ann", "secret"), basic("bob", "other")))

    assert answer.status == 400


@needs("htpasswd", "apache2-utils")
async def test_a_file_that_htpasswd_wrote(tmp_path):
    path = tmp_path / "htpasswd"
    for options, user, password in (
        (["-cbB", "-C", "4"], "ann", "se:crét"),
        (["-bB"], "bob", "other"),
        (["-bm"], "old", "md5"),
        (["-bs"], "older", "sha1"),
    ):
        command = [find("htpasswd", "apache2-utils"), *options, os.fspath(path), user, password]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0
    async with rig(path) as at:
        answers = [
            (await at.get("/", basic(user, password))).status
            for user, password in (("ann", "se:crét"), ("bob", "other"), ("old", "md5"), ("older", "sha1"))
        ]

    assert answers == [200, 200, 401, 401]


async def test_what_is_shown_of_the_way_names_nobody(file):
    async with rig(file) as at:
        await at.get("/", basic("ann", "secret"))
        state = way_of(at).state()

    assert (state["users"], state["useless_lines"], state["remembered"]) == (2, 1, 1)
    assert not any(secret in repr(state) for secret in ("ann:", "secret", ANN))
