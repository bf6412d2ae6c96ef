"""From a handshake of WebSocket to a tunnel: who may have one, and when it begins."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from gateway.core.access.limits import address_of, key_of
from gateway.core.access.presented import Presented
from gateway.core.errors import UpstreamAnswerInvalid
from gateway.core.http.answer_head import dropped_names
from gateway.core.http.websocket import UPGRADE_LINES, is_accepted, offered_key
from gateway.core.settings.access_settings import LimitKey
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.route import Route
from gateway.proxy.tunnel import Lease, Tunnel
from gateway.proxy.tunnels import OpenTunnel, Permission, Tunnels

SWITCHING: Final = 101
_HEAD: Final = b"HTTP/1.1 101 Switching Protocols"


class Switch:
    """A handshake under way.

    Attributes:
        key: the caller's ``Sec-WebSocket-Key``.
    """

    def __init__(self, call: Call, route: Route, tunnels: Tunnels) -> None:
        """Check the handshake, and reserve a place.

        Raises:
            GatewayError: the route has no WebSocket, the handshake is malformed, or there is no place.
        """
        self.key = offered_key(call.head, is_taken=route.settings.websocket)
        self._has_opened = False
        self._tunnels = tunnels
        caller = call.admission.caller if call.admission is not None else None
        address = address_of(call.head, call.facts.caller)
        self._leave: Callable[[], None] = tunnels.enter(key_of(LimitKey.CALLER, address, caller))

    def end(self) -> None:
        """Give the place back, unless a tunnel has it now."""
        if not self._has_opened:
            self._leave()

    def open(self, call: Call, route: Route, exchange: Exchange) -> None:
        """Answer the caller with the upstream's 101, and let its connection run the tunnel.

        Raises:
            UpstreamAnswerInvalid: it is not an answer to this handshake.
            CallerGone: the caller left.
        """
        answer = exchange.answer.answer
        assert answer is not None
        if not is_accepted(answer.lines, answer.special, self.key):
            raise UpstreamAnswerInvalid("the upstream switched to something else than was asked for")
        lines = route.answer_lines(answer.lines, dropped_names(answer.special), exchange)
        head = (_HEAD, *lines, *call.answer_lines, *UPGRADE_LINES, b"\r\n")
        call.begin_answer(SWITCHING, b"\r\n".join(head), 0)
        call.keeps_alive = False
        call.link.begins_tunnel(self._begun(call, route, exchange))
        self._has_opened = True

    def _begun(self, call: Call, route: Route, exchange: Exchange) -> OpenTunnel:
        token, upstream = exchange.token, exchange.switched()
        caller, target = call.link.transport, upstream.transport
        assert caller is not None
        assert target is not None
        expires_at_s = token.expires_at_s if token is not None else inf
        who = call.admission.caller if call.admission is not None else None
        lease = Lease(route.settings.tunnel, expires_at_s, self._leave, self._tunnels.end_of(who))
        tunnel = Tunnel(caller, target, lease, route.counters)
        first = upstream.take()
        target.set_protocol(tunnel)
        for chunk in first:
            tunnel.data_received(bytes(chunk))
        if upstream.is_gone:  # it sent all that with its 101, and closed; nobody else will tell
            tunnel.connection_lost(None)
        fingerprint = token.fingerprint if token is not None else ""
        return OpenTunnel(
            tunnel,
            Permission.of(route.settings),
            call.facts.caller.name,
            fingerprint,
            call.request_id.decode("ascii"),
            call.path,
            route.counters,
            Presented(call.head, call.facts.caller, who) if who is not None else None,
        )
