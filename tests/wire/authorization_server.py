"""The authorization server of the wire tests: a raw socket that hands out numbered tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.wire.messages import ok
from tests.wire.servers import Exchange, FakeServer


@dataclass
class Grants:
    """What an authorization server hands out.

    Attributes:
        shaped: writes the answer with a token, if it is not that of RFC 6749.
    """

    expires_in: float = 3600.0
    prefix: str = "token_"
    shaped: Callable[[str], bytes] | None = None


class FakeAuthorizationServer(FakeServer):
    """Answers token requests with token_1, token_2, ... by RFC 6749 section 5.1.

    A naive fake would hand out one constant token, and no test could tell which one went out. While `gate`
    is closed it hangs; `refusal`, if set, is answered instead.
    """

    def __init__(self) -> None:
        super().__init__(self._grant)
        self.grants = Grants()
        self.granted = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusal: bytes | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    async def _grant(self, exchange: Exchange) -> None:
        await exchange.body()
        await self.gate.wait()
        if self.refusal is not None:
            exchange.write(self.refusal)
            return
        self.granted += 1
        token = f"{self.grants.prefix}{self.granted}"
        if self.grants.shaped is not None:
            exchange.write(self.grants.shaped(token))
            return
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.grants.expires_in}
        exchange.write(ok(json.dumps(answer).encode(), "Content-Type: application/json"))
