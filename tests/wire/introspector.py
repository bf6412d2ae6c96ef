"""An authorization server that is asked about tokens (RFC 7662), behind a raw socket."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

from tests.wire.messages import ok
from tests.wire.servers import Exchange, FakeServer


class Introspector(FakeServer):
    """Says of each token what it is set to say, and of unknown ones that they are not active.

    A naive fake would answer before the next question came, and no test could tell one question from two; this
    one waits for `gate`.

    Attributes:
        known: responses by token.
        asked: the forms that came, in order.
        refusal: what it answers instead, if anything.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.known: dict[str, object] = {}
        self.asked: list[dict[str, str]] = []
        self.refusal: bytes | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/introspect"

    async def _answer(self, exchange: Exchange) -> None:
        form = parse_qs((await exchange.body()).decode())
        self.asked.append({name: values[0] for name, values in form.items()})
        await self.gate.wait()
        said = self.known.get(self.asked[-1]["token"], {"active": False})
        exchange.write(self.refusal or ok(json.dumps(said).encode(), "Content-Type: application/json"))
