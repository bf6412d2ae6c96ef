"""What must fit together in what lives as long as the process.

Rules:

- No two listeners share an address, the admin listener included.
- `mode` and `group` are for unix sockets only.
- One replayable body fits into the budget for all.
- An admin listener that other machines can reach is only a warning, since containers are monitored from
  outside. So is trust in callers on unix sockets if no listener is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.problems import LineOf, Loc, Mistake, Severity
from gateway.config.process.process_model import LimitRules, ProcessSections
from gateway.config.values.hosts import UnixPeers, is_private
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.listener_settings import Address

_ADMIN: Final[Loc] = ("admin",)
_OPEN_ADMIN: Final = (
    "other machines can reach the admin listener, which shows clients, routes and metrics to anyone: "
    "listen on 127.0.0.1 or a unix socket, or let only your monitoring reach this address"
)
_NO_SOCKET: Final = "no listener is a unix socket, so this trusts nobody: write networks or addresses"


def process_findings(parts: ProcessSections, line_of: LineOf) -> Iterator[Mistake]:
    """Yield what does not fit together, and what is probably not intended."""
    yield from _equal_addresses(parts, line_of)
    yield from _open_admin(parts.admin)
    yield from _access_without_file(parts)
    yield from _trusts_nobody(parts)
    yield from _replay_budget(parts.limits)


def _equal_addresses(parts: ProcessSections, line_of: LineOf) -> Iterator[Mistake]:
    seen: dict[Address, Loc] = {}
    places: list[tuple[Loc, Address | None]] = [(_ADMIN, parts.admin)]
    places += [(("listen", index), one.address) for index, one in parts.listeners.items()]
    for loc, address in places:
        if address is None or (address.path is None and address.port == 0):
            continue
        first = seen.setdefault(address, loc)
        if first is not loc:
            # The admin listener has an address even if the file does not mention it.
            taken_by = "`admin`" if first is _ADMIN else f"the listener on line {line_of(first)}"
            yield Mistake(loc, f"the address is already used by {taken_by}")


def _open_admin(admin: Address | None) -> Iterator[Mistake]:
    if admin is not None and not is_private(admin):
        yield Mistake(_ADMIN, _OPEN_ADMIN, severity=Severity.WARNING)


def _access_without_file(parts: ProcessSections) -> Iterator[Mistake]:
    for index, listener in parts.listeners.items():
        for key in ("mode", "group") if listener.address.path is None else ():
            if key in listener.model_fields_set:
                words = "has no effect unless the address is a unix socket, as in unix:/run/gateway.sock"
                yield Mistake(("listen", index, key), words, is_about_key=True)


def _trusts_nobody(parts: ProcessSections) -> Iterator[Mistake]:
    """Warn of trust in callers on unix sockets if no listener is one."""
    if any(one.address.path is not None for one in parts.listeners.values()):
        return
    for index, proxy in enumerate(parts.trusted_proxies):
        if proxy is UnixPeers.UNIX:
            yield Mistake(("trusted_proxies", index), _NO_SOCKET, severity=Severity.WARNING)


def _replay_budget(limits: LimitRules | None) -> Iterator[Mistake]:
    if limits is None:
        return
    one = limits.replay_bytes or Limits().replay_bytes
    budget = limits.replay_total_bytes or Limits().replay_total_bytes
    if one > budget:
        loc = "replay" if limits.replay_bytes is not None else "replay_total"
        yield Mistake(("limits", loc), "one body could exceed replay_total, the budget for all bodies")
