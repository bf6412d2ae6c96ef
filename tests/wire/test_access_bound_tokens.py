"""Callers whose tokens are bound, on the wire: by proofs, and by the certificate of the connection."""

import itertools
import json
import ssl
import time
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.core.access.proof import thumbprint_of
from gateway.core.caller import WayName
from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    GateSettings,
    IntrospectionWay,
    JwtWay,
    WaySettings,
)
from gateway.core.settings.client_settings import ClientTrust
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.signing_settings import DpopSettings
from gateway.oauth.dpop_key import make_dpop_key
from tests.wire.certificates import Authority
from tests.wire.introspector import Introspector
from tests.wire.issuer import AUDIENCE, Issuer
from tests.wire.messages import request
from tests.wire.rig import CRM, LOOPBACK, Rig

STAFF, OPAQUE = WayName("staff"), WayName("opaque")


def text(digest):
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class Holder:
    """A caller with a key of its own."""

    def __init__(self):
        serial = itertools.count()
        self.key = make_dpop_key(DpopSettings(), time.time, lambda: str(next(serial)))
        self.jkt = text(thumbprint_of(self.key._key.public_jwk()))

    def proof(self, rig, token, method="GET", path="/"):
        port = rig.gateway.addresses[0].port
        return "DPoP: " + self.key.proof(method, f"http://127.0.0.1:{port}{path}", ath=token_hash(token))


@asynccontextmanager
async def staffed(**members):
    issuer, server = Issuer(), Introspector()
    await issuer.start()
    await server.start()
    ways = {
        STAFF: WaySettings(STAFF, JwtWay(issuer.url, (AUDIENCE,))),
        OPAQUE: WaySettings(OPAQUE, IntrospectionWay(CRM, server.url)),
    }
    rule = GateSettings(AccessRule((AccessEntry((STAFF,)), AccessEntry((OPAQUE,)))))
    try:
        async with Rig(routes=lambda rig: [rig.route("/", gate=rule)], callers=ways, **members) as rig:
            yield rig, issuer, server
    finally:
        await issuer.close()
        await server.close()


async def ask(rig, token, *fields, scheme="DPoP", method="GET"):
    host = f"Host: 127.0.0.1:{rig.gateway.addresses[0].port}"
    data = f"{method} / HTTP/1.1\r\n" + "\r\n".join(
        (host, f"Authorization: {scheme} {token}", *fields, "", "")
    )
    return await rig.ask(data.encode())


def bound(issuer, holder, **claims):
    return issuer.token(cnf={"jkt": holder.jkt}, **claims)


@pytest.mark.parametrize("is_opaque", [False, True], ids=["JWT", "opaque"])
async def test_a_bound_token_needs_a_new_proof_for_each_request(is_opaque):
    async with staffed() as (rig, issuer, server):
        holder = Holder()
        token = "opaque" if is_opaque else bound(issuer, holder)
        server.known["opaque"] = {"active": True, "sub": "alice", "cnf": {"jkt": holder.jkt}}
        proofs = [holder.proof(rig, token) for _ in range(3)]
        good = [(await ask(rig, token, proof)).status for proof in proofs]
        replayed = await ask(rig, token, proofs[1])
        (asked, *_) = rig.upstream.requests

    assert good == [200, 200, 200]
    assert replayed.status == 401
    assert (asked.token, asked.head.value("DPoP")) == ("token_1", None)
    assert rig.told.records[0].caller_id == f"{'opaque' if is_opaque else 'staff'}:alice"


async def test_without_its_proof_it_is_refused_with_a_challenge_that_says_so():
    async with staffed() as (rig, issuer, _):
        holder, thief = Holder(), Holder()
        token = bound(issuer, holder)
        assert (await ask(rig, token, holder.proof(rig, token))).status == 200
        refused = [
            await ask(rig, token),
            await ask(rig, token, scheme="Bearer"),
            await ask(rig, token, holder.proof(rig, token), scheme="Bearer"),
            await ask(rig, token, thief.proof(rig, token)),
            await ask(rig, token, holder.proof(rig, "another")),
            await ask(rig, token, holder.proof(rig, token, path="/other")),
            await ask(rig, token, holder.proof(rig, token), method="POST"),
            await ask(rig, token, holder.proof(rig, token), holder.proof(rig, token)),
        ]

    assert {each.status for each in refused} == {401}
    challenge = b'DPoP realm="gateway", error="invalid_dpop_proof", algs="RS256 '
    assert all(each.head.values("WWW-Authenticate")[0].startswith(challenge) for each in refused)
    assert len(rig.upstream.requests) == 1


async def test_an_unbound_token_is_no_token_of_that_scheme():
    async with staffed() as (rig, issuer, _):
        holder, token = Holder(), issuer.token()
        statuses = [
            (await ask(rig, token, *fields, scheme=scheme)).status
            for fields, scheme in (((), "Bearer"), ((holder.proof(rig, token),), "DPoP"), ((), "Bearer"))
        ]

    assert statuses == [200, 401, 200]


async def test_what_it_is_bound_to_must_be_known():
    async with staffed() as (rig, issuer, _):
        answer = await ask(rig, issuer.token(cnf={"kid": "abc"}), scheme="Bearer")

    assert answer.status == 401
    assert json.loads(answer.body)["detail"] == "the token is bound to something that cannot be proven here"


async def test_a_proof_is_not_looked_at_before_the_signature_of_its_token():
    async with staffed() as (rig, issuer, _):
        holder = Holder()
        token = bound(issuer, holder).rpartition(".")[0] + ".c2ln"
        answer = await ask(rig, token, holder.proof(rig, token))
        way = rig.gateway.generation.ways.credentials[STAFF]

        assert answer.status == 401
        assert len(way._possession._used) == 0


async def test_a_token_is_bound_to_the_certificate_of_the_connection(tmp_path):
    ours, theirs = (Authority.make(tmp_path / name) for name in ("ours", "theirs"))
    mine, other = theirs.leaf("a.test"), theirs.leaf("b.test")
    listener = ListenerSettings(LOOPBACK, ours.leaf("localhost"), client_trust=ClientTrust(theirs.ca_file))
    digest = sha256(ssl.PEM_cert_to_DER_cert(Path(mine.certificate).read_text())).digest()
    async with staffed(listeners=(listener,)) as (rig, issuer, _):
        token = issuer.token(cnf={"x5t#S256": text(digest)})
        statuses = []
        for files in (mine, other, None, mine):
            context = ssl.create_default_context(cafile=ours.ca_file)
            if files is not None:
                context.load_cert_chain(files.certificate, files.key)
            caller = await rig.caller(context)
            for _ in range(2):
                answer = await caller.ask(request("GET", "/", f"Authorization: Bearer {token}"))
                statuses.append(answer.status)

    assert statuses == [200, 200, 401, 401, 401, 401, 200, 200]
