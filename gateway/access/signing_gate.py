"""A gate that also signs who passed it: the upstream can tell that the gateway, and nobody else, said so.

Rules:

- The gate itself decides and counts. That the caller can be told of at all is part of its decision, so
  nothing is refused here.
- A signature costs as much as a request. So each JWT is sent again for the same caller, until it is renewed
  (`core.settings.identity_jwt`) or another key signs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.access.gate import Gate
from gateway.core.access.cors import Cors
from gateway.core.access.presented import Presented
from gateway.core.admission import Admission
from gateway.core.caller import Caller
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.identity_jwt import IdentityJwt, IdentitySigner, stated, validity, with_times

MOST_KEPT: Final = 4096
"""Of about a KiB each."""


@dataclass(frozen=True, slots=True)
class _Signed:
    line: bytes = field(repr=False)
    from_s: float
    until_s: float


class SigningGate:
    """What stands before a route whose upstream is told by `identity_jwt` who calls.

    Args:
        gate: lets callers in, and only those that are known.
        wall_s: the time, in seconds since 1970.
    """

    def __init__(
        self, gate: Gate, jwt: IdentityJwt, signer: IdentitySigner, wall_s: Callable[[], float]
    ) -> None:
        self._gate = gate
        self._jwt = jwt
        self._signer = signer
        self._wall_s = wall_s
        self._start = f"{jwt.header}: {jwt.prefix}".encode("ascii")
        self._generation = signer.generation
        self._signed: dict[Caller, _Signed] = {}

    def __repr__(self) -> str:
        return f"<SigningGate {self._jwt.header}: {len(self._signed)} kept>"

    @property
    def cors(self) -> Cors | None:
        """The policy for pages of other origins, if there is one."""
        return self._gate.cors

    def arrive(self, head: RequestHead, caller: CallerFields, now_s: float) -> None:
        """Count a request; raises what the gate raises."""
        self._gate.arrive(head, caller, now_s)

    def now(self, head: RequestHead, caller: CallerFields, now_s: float) -> Admission | None:
        """Let a caller in that need not wait; None if it must. Raises what the gate raises."""
        passed = self._gate.now(head, caller, now_s)
        return None if passed is None else self._told(passed)

    async def wait(
        self, head: RequestHead, caller: CallerFields, now_s: float, deadline_s: float
    ) -> Admission:
        """Let a caller in, after a wait until `deadline_s` if need be. Raises what the gate raises."""
        return self._told(await self._gate.wait(head, caller, now_s, deadline_s))

    def lost(self, presented: Presented, deadline_s: float) -> bool | Awaitable[bool]:
        """Whether the gate lets a caller in no more."""
        return self._gate.lost(presented, deadline_s)

    def _told(self, passed: Admission) -> Admission:
        who = passed.caller
        assert who is not None, "gate_rules finds a route on which nobody is known"
        lines = (*passed.request_lines, self._line(who))
        return Admission(who, lines, passed.answer_lines, passed.leave)

    def _line(self, who: Caller) -> bytes:
        if self._generation != self._signer.generation:
            self._signed.clear()
            self._generation = self._signer.generation
        now_s, signed = self._wall_s(), self._signed.get(who)
        if signed is None or not signed.from_s <= now_s < signed.until_s:  # the clock may have been set back
            signed = self._sign(who, now_s)
        return signed.line

    def _sign(self, who: Caller, now_s: float) -> _Signed:
        times = validity(now_s, self._jwt, who)
        token = self._signer.sign(with_times(stated(self._jwt, who), times))
        self._signed.pop(who, None)
        if len(self._signed) >= MOST_KEPT:
            del self._signed[next(iter(self._signed))]  # the one that was made first
        signed = self._signed[who] = _Signed(self._start + token, times.from_s, times.until_s)
        return signed
