"""The listener and the caller's address that `explain` assumes for a request that was never sent.

Rules:

- A caller on a unix socket has no address.
- Another machine cannot reach a listener on a loopback address, nor an IPv4 caller one on an IPv6 address,
  not even ``[::]``.
- Of the listeners left, the one on the URL's port is chosen, then one that speaks its scheme, then the first.

What a listener knows about its callers is decided in `entrance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.http.foreign import names_this_machine
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.proxies import plain_address

UNIX: Final = "unix"


class NoArrival(ValueError):
    """No request can arrive this way."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A listener and the address of a caller there; None on a unix socket."""

    listener: ListenerSettings
    peer: str | None


def arrival(listeners: Sequence[ListenerSettings], url: str, origin: str | None, at: str | None) -> Arrival:
    """Choose where a request for `url` arrives.

    Args:
        listeners: of the gateway.
        url: a path, or an absolute URL.
        origin: the caller's address, ``unix``, or None for a caller on this machine.
        at: the address of the listener as written in the file, or None.

    Raises:
        NoArrival: there is no such listener, or this caller cannot reach it.
    """
    named = [one for one in listeners if at is None or str(one.address) == at]
    if not named:
        known = ", ".join(str(one.address) for one in listeners)
        raise NoArrival(f"no listener has the address {at}; the listeners are {known}")
    _check(origin)
    open_to = [one for one in named if _takes(one, origin)]
    if not open_to:
        where = at or "any listener"
        raise NoArrival(f"a caller from {origin} cannot reach {where}: {_why(origin)}")
    listener = min(open_to, key=lambda one: _distance(one, url))  # the first of those that are equal
    return Arrival(listener, _peer(listener, origin))


def _check(origin: str | None) -> None:
    if origin is not None and origin != UNIX and plain_address(origin) is None:
        raise NoArrival("expected an IP address such as 203.0.113.7 or 2001:db8::1, or unix")


def _takes(listener: ListenerSettings, origin: str | None) -> bool:
    if origin is None:
        return True
    is_unix = listener.address.path is not None
    if origin == UNIX or is_unix:
        return is_unix and origin == UNIX
    caller, bound = plain_address(origin), plain_address(listener.address.host)
    if caller is None or (bound is not None and bound.version != caller.version):
        return False
    return caller.is_loopback or not names_this_machine(listener.address.host)


def _why(origin: str | None) -> str:
    if origin == UNIX:
        return "it is not a unix socket"
    return (
        "loopback addresses are reachable from this machine only, IPv6 addresses by IPv6 callers only, "
        "and callers on a unix socket have no address"
    )


def _distance(listener: ListenerSettings, url: str) -> tuple[bool, bool]:
    authority = authority_of(url)
    if not authority:
        return False, False
    _, _, port = authority.rpartition(":")
    is_elsewhere = listener.address.path is not None or port != str(listener.address.port)
    return is_elsewhere, (listener.tls is not None) != url.lower().startswith("https:")


def authority_of(url: str) -> str:
    """Return the host and port that an absolute URL names; nothing for a path, whatever its query names."""
    scheme, _, rest = url.partition("://")
    return "" if "/" in scheme else rest.partition("/")[0].partition("?")[0]


def _peer(listener: ListenerSettings, origin: str | None) -> str | None:
    if listener.address.path is not None:
        return None
    if origin is not None:
        return origin
    return "::1" if ":" in listener.address.host else "127.0.0.1"
