"""An issuer of access tokens for callers: its metadata and its keys, behind a raw socket."""

from __future__ import annotations

import json
import time

import jwt

from tests.oauth import keys
from tests.wire.messages import ok
from tests.wire.servers import Exchange, FakeServer

AUDIENCE = "https://gw.test"


class Issuer(FakeServer):
    """Publishes what it is set to; its tokens are signed with keys that it may not publish.

    Attributes:
        published: kinds of keys by their ids.
        is_down: it answers 503 to everything.
    """

    def __init__(self, **published: str) -> None:
        super().__init__(self._answer)
        self.published = published or {"k1": "p256"}
        self.is_down = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_requests(self) -> int:
        return sum(each.target == b"/jwks" for each in self.requests)

    def token(self, kid="k1", kind=None, *, header=None, without=(), algorithm=None, **claims):
        """An access token by RFC 9068, but for what is asked for."""
        kind = kind or self.published[kid]
        now = int(time.time())
        known = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "exp": now + 300, "iat": now}
        payload = {name: value for name, value in (known | claims).items() if name not in without}
        head = {"typ": "at+jwt", "kid": kid} | (header or {})
        return jwt.encode(payload, keys.key(kind), algorithm or keys.FITTING[kind][0], head)

    async def _answer(self, exchange: Exchange) -> None:
        if self.is_down:
            exchange.write(ok(b"", status="503 Service Unavailable"))
        elif exchange.target == b"/jwks":
            each = [json.loads(keys.jwk(kind, public=True, kid=kid)) for kid, kind in self.published.items()]
            exchange.write(ok(json.dumps({"keys": each}).encode()))
        elif exchange.target == b"/.well-known/openid-configuration":
            metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
            exchange.write(ok(json.dumps(metadata).encode()))
        else:
            exchange.write(ok(b"", status="404 Not Found"))
