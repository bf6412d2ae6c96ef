"""Upstreams that are told by a signed JWT who calls, and verify it as anybody would: with PyJWT, by the key set."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.access.signing_gate import SigningGate
from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import template_reader
from gateway.config.template import read_template
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    GateSettings,
    JwtWay,
    WaySettings,
)
from gateway.core.settings.all_settings import LogFormat, LogSettings
from gateway.core.settings.identity import IdentityField
from gateway.core.settings.identity_jwt import IdentityJwt, IdentityKeySettings
from gateway.core.settings.route_settings import RouteName
from gateway.core.text import plain_text
from gateway.doctor.admittance import Described
from gateway.doctor.arrival import Arrival
from gateway.doctor.explain import Question, explain
from gateway.identity_keys import SKEW_S, IdentityKeyUnusable
from tests.oauth import keys as key_kinds
from tests.wire.issuer import AUDIENCE as TOKENS_ARE_FOR
from tests.wire.issuer import Issuer
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.test_access_limits import ALIASES
from tests.wire.test_reload import others
from tests.wire.test_secrets import captured_logs, every_repr
from tests.wire.test_tunnels import handshake

PARTNER = WayName("partner")
ISSUER, AUDIENCE, HEADER = "https://gw.test", "crm", "X-Caller-Scope"
"""The header is the one that `ALIASES` are spellings of."""
TOLD = IdentityJwt(HEADER, ISSUER, (AUDIENCE,), ("scope",))


def gate(told=TOLD, **members):
    return GateSettings(AccessRule((AccessEntry((PARTNER,)),)), identity_jwt=told, **members)


def a_key():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_from(path):
    """The reader of a key in ``${file:...}``, as the configuration makes it."""
    sources = ReferenceValues({}, Path(path).parent)
    return template_reader(read_template(f"${{file:{path}}}"), sources, plain_text.lines)


@pytest.fixture
def ways(tmp_path):
    path = tmp_path / "keys.toml"
    tables = [
        f'[[keys]]\nid = "{name}"\nsha256 = "{sha256(name.encode()).hexdigest()}"\nscope = "{scope}"\n'
        for name, scope in (
            ("acme", "b a"),
            ("beta", "b a"),
            ("wordy", " ".join(f"word{n}" for n in range(500))),
        )
    ]
    path.write_text("".join(tables))
    return {PARTNER: WaySettings(PARTNER, ApiKeyWay(str(path)))}


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "identity.pem"
    path.write_text(a_key())
    return path


@asynccontextmanager
async def signing(ways, key=None, *, told=TOLD, more=(), script=None, **members):
    async with Rig(
        script,
        routes=lambda rig: [rig.route("/", gate=gate(told)), *(make(rig) for make in more)],
        callers=ways,
        identity_jwt=IdentityKeySettings(key),
        admin=LOOPBACK,
        is_warm=False,
        **members,
    ) as rig:
        yield rig


async def call(rig, name="acme"):
    """The value that reached the upstream with the request of a caller."""
    answer = await rig.get("/", f"X-API-Key: {name}")
    assert answer.status == 200
    return rig.upstream.requests[-1].head.value(HEADER).decode()


class Verifier:
    """An upstream's own: it fetches keys from the admin listener, and again where it does not know one."""

    def __init__(self, rig):
        url = f"http://{rig.gateway.admin_address}/.well-known/jwks.json"
        # By default it ignores a second unknown key within 30 s; no operator rotates that often.
        self._keys = jwt.PyJWKClient(url, cooldown_duration=0)

    async def claims(self, token):
        key = await asyncio.to_thread(self._keys.get_signing_key_from_jwt, token)
        need = {"require": ["iss", "aud", "sub", "iat", "exp"]}
        return jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=need)


async def page(rig, path="/.well-known/jwks.json"):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{rig.gateway.admin_address}{path}") as answer,
    ):
        return answer.status, answer.headers, await answer.text()


async def published(rig):
    """The ids of the keys in the key set."""
    return [each["kid"] for each in json.loads((await page(rig))[2])["keys"]]


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


async def rotated(rig, path, text):
    """Replace the file as a careful operator does, and wait until the gateway has noticed."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
    keys = rig.gateway.identity_keys
    before = (keys.generation, keys.trouble)
    async with asyncio.timeout(10):
        while (keys.generation, keys.trouble) == before:
            await asyncio.sleep(0.01)


# ── what the upstream gets ────────────────────────────────────────────────────────────────────────


async def test_an_upstream_verifies_who_calls(ways):
    async with signing(ways) as rig:
        token = await call(rig)
        claims = await Verifier(rig).claims(token)

    assert jwt.get_unverified_header(token).keys() == {"alg", "typ", "kid"}
    assert {name: claims[name] for name in ("sub", "way", "scope")} == {
        "sub": "acme",
        "way": "partner",
        "scope": "a b",
    }
    assert claims.keys() == {"iss", "aud", "sub", "way", "scope", "iat", "exp"}


async def test_it_may_stand_in_authorization_as_a_bearer_token(ways):
    told = replace(TOLD, header="Authorization", prefix="Bearer ")
    more = [lambda rig: rig.route("/told", gate=gate(told), has_token=False)]
    async with signing(ways, more=more) as rig:
        answer = await rig.get("/told", "X-API-Key: acme", "Authorization: Bearer mallory")
        (value,) = rig.upstream.requests[-1].head.values("Authorization")
        claims = await Verifier(rig).claims(value.decode().removeprefix("Bearer "))

    assert (answer.status, claims["sub"]) == (200, "acme")


async def test_it_stands_beside_identity_and_our_own_token(ways):
    both = replace(gate(), identity=(IdentityField.of("X-Caller", "{caller.id}"),))
    async with signing(ways, more=[lambda rig: rig.route("/both", gate=both)]) as rig:
        await rig.get("/both", "X-API-Key: acme")
        (asked,) = rig.upstream.requests
        claims = await Verifier(rig).claims(asked.head.value(HEADER).decode())

    assert (asked.head.value("X-Caller"), claims["sub"], asked.token) == (b"acme", "acme", "token_1")


async def test_each_caller_has_one_and_keeps_it(ways):
    async with signing(ways) as rig:
        tokens = [await call(rig, name) for name in ("acme", "beta", "acme")]

    assert tokens[0] == tokens[2] != tokens[1]


async def test_it_ends_with_the_token_that_the_caller_sent():
    issuer = Issuer()
    await issuer.start()
    staff = WayName("staff")
    told = GateSettings(AccessRule((AccessEntry((staff,)),)), identity_jwt=replace(TOLD, claims=("groups",)))
    async with Rig(
        routes=lambda rig: [rig.route("/", gate=told)],
        callers={staff: WaySettings(staff, JwtWay(issuer.url, (TOKENS_ARE_FOR,)))},
        identity_jwt=IdentityKeySettings(),
        admin=LOOPBACK,
    ) as rig:
        ends_at_s = int(time.time()) + 100
        token = issuer.token(exp=ends_at_s, groups=["a", {"b": 1}], aud=TOKENS_ARE_FOR)
        assert (await rig.get("/", f"Authorization: Bearer {token}")).status == 200
        claims = await Verifier(rig).claims(rig.upstream.requests[-1].head.value(HEADER).decode())
    await issuer.close()

    assert (claims["sub"], claims["way"], claims["groups"]) == ("alice", "staff", ["a", {"b": 1}])
    assert claims["exp"] == ends_at_s


async def test_the_handshake_of_a_tunnel_carries_it(ways):
    async with signing(ways) as rig:
        caller = await rig.caller()
        await caller.send(handshake("/", "X-API-Key: acme"))
        await caller.answer()
        claims = await Verifier(rig).claims(rig.upstream.requests[-1].head.value(HEADER).decode())

    assert claims["sub"] == "acme"


async def test_what_is_explained_is_what_is_signed(ways):
    async with signing(ways) as rig:
        claims = jwt.decode(await call(rig), options={"verify_signature": False})
        question = Question("GET", "/", (1, 1), ((b"Host", b"localhost"),))
        arrived = Arrival(rig.settings.listeners[0], "127.0.0.1")
        told = explain(rig.settings, question, arrived, Described({PARTNER: "acme"}, frozenset(("a", "b"))))

    assert json.loads(told.stated) == {name: claims[name] for name in claims.keys() - {"iat", "exp"}}
    assert f"{HEADER}: <a signed JWT>" in told.after


async def test_what_does_not_fit_is_refused_and_counted(ways):
    async with signing(ways) as rig:
        answer = await rig.get("/", "X-API-Key: wordy")
        counted = rig.gateway.metrics.route(RouteName("/")).accesses

    assert answer.status == 403
    assert json.loads(answer.body)["type"].endswith("caller_not_allowed")
    assert counted == {("partner", "identity"): 1}


async def test_nobody_else_sets_the_field_in_any_spelling_on_any_route(ways):
    def folds(name):
        return "".join(sign.lower() if sign.isalnum() else "_" for sign in name)

    async with signing(ways, more=[lambda rig: rig.route("/open")]) as rig:
        for target in ("/", "/open"):
            caller = await rig.caller()
            for name in ALIASES:
                await caller.ask(request("GET", target, f"{name}: mallory", "X-API-Key: acme"))
        for each in rig.upstream.requests:
            values = [value for name, value in each.head.fields if folds(name.decode()) == folds(HEADER)]
            assert len(values) == (each.target == b"/")
            assert b"mallory" not in values

    assert len(rig.upstream.requests) == 2 * len(ALIASES)


# ── the key set ───────────────────────────────────────────────────────────────────────────────────


async def test_the_key_set_holds_public_members_and_may_be_kept_for_a_while(ways, key_file):
    async with signing(ways, key_from(key_file)) as rig:
        status, headers, text = await page(rig)

    (key,) = json.loads(text)["keys"]
    assert (status, headers["Content-Type"]) == (200, "application/jwk-set+json")
    assert headers["Cache-Control"] == "public, max-age=60"
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    assert key["kid"].encode() == jwt.utils.base64url_encode(sha256(canonical).digest())


async def test_the_key_set_is_empty_where_nobody_signs_and_is_kept_by_nobody():
    async with Rig(admin=LOOPBACK) as rig:
        status, headers, text = await page(rig)

    assert (status, json.loads(text), headers["Cache-Control"]) == (200, {"keys": []}, "no-store")


async def test_a_route_may_publish_it(ways):
    """For upstreams that do not reach the admin listener."""

    def publishing(rig):
        return rig.route("/.well-known/jwks.json", has_token=False)

    async with signing(ways) as rig:
        admin = rig.gateway.admin_address
        there = replace(publishing(rig), upstream=rig.upstream_settings(host=admin.host, port=admin.port))
        await rig.gateway.reload(others(rig, routes=(*rig.settings.routes, there)))
        answer = await rig.get("/.well-known/jwks.json")

    assert answer.status == 200
    assert len(json.loads(answer.body)["keys"]) == 1


# ── rotation ──────────────────────────────────────────────────────────────────────────────────────


async def test_under_requests_no_rotation_makes_one_that_nobody_can_verify(ways, key_file):
    async with signing(ways, key_from(key_file)) as rig:
        verifier, seen, is_over = Verifier(rig), [], asyncio.Event()

        async def upstreams():
            while not is_over.is_set() or not seen:
                token = await call(rig)
                assert (await verifier.claims(token))["sub"] == "acme"
                seen.append(kid(token))

        asking = asyncio.create_task(upstreams())
        for _ in range(3):
            await rotated(rig, key_file, a_key())
        is_over.set()
        await asking
        first, last = seen[0], kid(await call(rig))

        assert len(await published(rig)) == 4
        assert {first, last} <= set(await published(rig))
    assert first != last


async def test_an_old_key_is_published_until_what_it_signed_has_expired(ways, key_file):
    async with signing(ways, key_from(key_file)) as rig:
        keys = rig.gateway.identity_keys
        first = kid(await call(rig))
        await rotated(rig, key_file, a_key())
        (retired,) = keys._retired
        left_s = retired.until_s - keys._wall_s()
        assert await published(rig) == [kid(await call(rig)), first]
        keys._wall_s = lambda: retired.until_s
        assert await published(rig) == [kid(await call(rig))]

    assert left_s == pytest.approx(TOLD.lifetime_s + SKEW_S, abs=5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (a_key()[:80], "neither PEM nor a JWK"),
        (key_kinds.pem("p384"), "not an EC key on P-256"),
        (key_kinds.public_pem("p256"), "neither PEM nor a JWK"),
        (key_kinds.pem("rsa"), "not an EC key on P-256"),
    ],
    ids=["half", "p384", "public", "rsa"],
)
async def test_a_file_that_is_no_key_changes_nothing_and_is_told(ways, key_file, caplog, text, words):
    async with signing(ways, key_from(key_file)) as rig:
        first, good = await call(rig), key_file.read_text()
        await rotated(rig, key_file, text)
        rig.gateway.file_watch.look(1e9)
        assert words in rig.gateway.identity_keys.trouble
        assert await call(rig) == first
        assert await published(rig) == [kid(first)]
        with pytest.raises(IdentityKeyUnusable, match=r"identity_jwt\.key"):
            await rig.gateway.reload(others(rig))
        (line,) = [each.getMessage() for each in caplog.records if each.name == "gateway.file"]
        await rotated(rig, key_file, good)
        assert await call(rig) == first

    assert line.startswith(f"identity_jwt.key: {key_file} cannot be used: ")
    assert "stays in use" in line


async def test_a_file_that_is_gone_changes_nothing_and_is_told(ways, key_file, caplog):
    async with signing(ways, key_from(key_file)) as rig:
        first = await call(rig)
        key_file.unlink()
        rig.gateway.file_watch.look(1e9)
        assert await call(rig) == first

    assert "cannot be read: No such file" in caplog.text


async def test_a_key_in_memory_outlives_a_reload(ways):
    async with signing(ways) as rig:
        first = await call(rig)
        await rig.gateway.reload(others(rig))
        assert await call(rig) == first
        await rig.gateway.reload(others(rig, routes=(rig.route("/", gate=gate(replace(TOLD, issuer="x"))),)))
        assert kid(await call(rig)) == kid(first)
        assert len(await published(rig)) == 1


async def test_a_reload_to_another_key_publishes_both(ways, key_file):
    async with signing(ways) as rig:
        verifier, first = Verifier(rig), await call(rig)
        settings = IdentityKeySettings(key_from(key_file))
        await rig.gateway.reload(others(rig, identity_jwt=settings))
        second = await call(rig)
        for token in (first, second):
            await verifier.claims(token)
        assert await published(rig) == [kid(second), kid(first)]


async def test_a_reload_without_it_still_publishes_the_key(ways):
    async with signing(ways) as rig:
        first = await call(rig)
        await rig.gateway.reload(others(rig, identity_jwt=None, routes=(rig.route("/"),)))
        await rig.get("/")
        assert rig.upstream.requests[-1].head.value(HEADER) is None
        assert await published(rig) == [kid(first)]
        await rig.gateway.reload(rig.settings)
        assert kid(await call(rig)) != kid(first)


# ── what is written ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
async def test_neither_key_nor_jwt_occurs_in_anything_that_is_written(ways, key_file, tmp_path, style):
    log_file = tmp_path / "access.log"
    with captured_logs(style) as stream:
        async with signing(ways, key_from(key_file), log=LogSettings("debug", style, str(log_file))) as rig:
            texts = [key_file.read_text()]
            signed = [await call(rig)]
            await rotated(rig, key_file, a_key())
            texts.append(key_file.read_text())
            signed.append(await call(rig))
            shown = [
                (await page(rig, path))[2] for path in ("/", "/metrics", "/routes", "/callers", "/config")
            ]
            shown += every_repr(rig)
            (route,) = rig.gateway.generation.routes
            assert isinstance(route.gate, SigningGate)
            shown += map(repr, [*route.gate._signed.values(), rig.gateway.identity_keys.left()])
    written = "\n".join([*shown, stream.getvalue(), log_file.read_text()])

    for text in texts:
        assert text.splitlines()[1] not in written
        assert jwt.utils.base64url_encode(text.encode()).decode() not in written
    for token in signed:
        assert token.rpartition(".")[2] not in written
        assert token.split(".")[1] not in written
