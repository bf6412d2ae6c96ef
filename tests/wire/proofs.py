"""Tokens that are bound to a key, and an upstream that believes no proof which it has not verified."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from typing import Any, Self

import jwt

from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings
from gateway.core.token import Token, TokenSource
from gateway.oauth.dpop_key import DpopKey, make_dpop_key
from tests.wire.messages import ok
from tests.wire.rig import Rig
from tests.wire.servers import Exchange

NOW_S = 5.0  # a proof's `iat` may be so far from the upstream's clock
PUBLIC = {"EC": {"kty", "crv", "x", "y"}, "OKP": {"kty", "crv", "x"}, "RSA": {"kty", "n", "e"}}


class BoundSource:
    """Implements `TokenSource`: the tokens of another source, bound to a key."""

    def __init__(self, inner: TokenSource, key: DpopKey) -> None:
        self._inner = inner
        self._key = key
        self._tokens: dict[int, tuple[Token, Token]] = {}

    def _bound(self, token: Token) -> Token:
        if token.serial not in self._tokens:
            text = token.field_value.removeprefix(b"Bearer ")
            prover = self._key.bound_to(Secret(text.decode()))
            self._tokens[token.serial] = token, replace(token, field_value=b"DPoP " + text, prover=prover)
        return self._tokens[token.serial][1]

    def current(self, now_s: float) -> Token | None:
        token = self._inner.current(now_s)
        return token and self._bound(token)

    async def token(self, deadline_s: float, *, min_left_s: float = 0.0) -> Token:
        return self._bound(await self._inner.token(deadline_s, min_left_s=min_left_s))

    async def replacement(self, rejected: Token, deadline_s: float) -> Token:
        return self._bound(await self._inner.replacement(self._tokens[rejected.serial][0], deadline_s))

    def body_margin_s(self) -> float:
        return self._inner.body_margin_s()


class BoundRig(Rig):
    """A rig whose tokens are bound to a key that was made in memory."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        numbers = count(1)
        key = make_dpop_key(DpopSettings(), time.time, lambda: f"jti-{next(numbers)}")
        for route in self.gateway.generation.routes:
            if route.source is not None:
                route.source = BoundSource(route.source, key)
        return self

    @property
    def nonce_retries(self) -> int:
        return sum(route.nonce_retries for route in self.gateway.metrics.routes.values())


class StrictUpstream:
    """Answers requests whose proof is right (RFC 9449 section 4.3); any other proof fails the test.

    A naive fake would look whether there is a ``DPoP``: it would take a proof of another request, of another
    token, or the same proof twice.

    Attributes:
        nonce: what must stand in a proof; who has another is asked for this one.
        tokens: None: any will do; else what is accepted, every other is refused.
        fields: of each answer.
        claims, keys: of every proof, in their order.
        reads_first: whether it reads the body before it answers a refusal.
    """

    def __init__(
        self,
        *fields: str,
        nonce: str = "",
        scheme: str = "http",
        reads_first: bool = True,
        algorithm: str = "ES256",
    ) -> None:
        self.nonce = nonce
        self.tokens: tuple[str, ...] | None = None
        self.fields = fields
        self.claims: list[dict[str, Any]] = []
        self.keys: list[dict[str, str]] = []
        self.algorithm = algorithm
        self.reads_first = reads_first
        self._scheme = scheme

    @property
    def nonces(self) -> list[str]:
        return [claims.get("nonce", "") for claims in self.claims]

    async def __call__(self, exchange: Exchange) -> None:
        claims = self.verify(exchange)
        refusal = self._refusal(claims.get("nonce", ""), token_of(exchange))
        if refusal and not self.reads_first:
            exchange.write(refusal)
            await exchange.gone()
            return
        await exchange.body()
        exchange.write(refusal or ok(b"ok", *self.fields))

    def _refusal(self, nonce: str, token: str) -> bytes:
        if self.nonce and nonce != self.nonce:
            return wanting(self.nonce)
        if self.tokens is not None and token not in self.tokens:
            return ok(b"no", 'WWW-Authenticate: DPoP error="invalid_token"', status="401 Unauthorized")
        return b""

    def verify(self, exchange: Exchange) -> dict[str, Any]:
        """The twelve checks of section 4.3, but for the nonce, and give the claims."""
        head = exchange.head
        proof = head.value("DPoP")
        assert proof is not None
        header = jwt.get_unverified_header(proof)
        assert (header["typ"], header["alg"]) == ("dpop+jwt", self.algorithm)
        assert set(header["jwk"]) == PUBLIC[header["jwk"]["kty"]]
        claims = jwt.decode(proof, jwt.PyJWK(header["jwk"], self.algorithm), [self.algorithm])
        path = exchange.target.partition(b"?")[0].decode()
        host = (head.value("Host") or b"").decode()
        assert claims["htm"] == head.line.partition(b" ")[0].decode()
        assert claims["htu"] == f"{self._scheme}://{host}{path if path != '*' else ''}"
        assert abs(claims["iat"] - time.time()) <= NOW_S
        assert claims["ath"] == token_hash(token_of(exchange))
        assert claims["jti"] not in [each["jti"] for each in self.claims], "the same proof came twice"
        self.claims.append(claims)
        self.keys.append(header["jwk"])
        return claims


def token_of(exchange: Exchange) -> str:
    """The one token that came, under its scheme."""
    scheme, _, token = (exchange.head.value("Authorization") or b"").decode().partition(" ")
    assert scheme == "DPoP"
    return token


def wanting(nonce: str, *fields: str) -> bytes:
    """A 401 that asks for a nonce (section 9)."""
    challenge = 'WWW-Authenticate: DPoP error="use_dpop_nonce", error_description="a nonce, please"'
    given = [f"DPoP-Nonce: {nonce}"] if nonce else []
    return ok(b"no", challenge, *given, *fields, status="401 Unauthorized")
