"""Leading a connection through a forward proxy, before anything of the upstream's is spoken on it.

It runs on the bare socket: what follows, TLS included, then begins as on a socket that leads to the upstream
itself. Whoever calls bounds the time and closes the socket on failure.
"""

from __future__ import annotations

import asyncio
import socket

from gateway.core.errors import UpstreamProxyFailed
from gateway.core.http.connect_method import MOST_BYTES, connect_request, is_led, proxy_failed
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.verdict import Way, verdict

_WAY = Way("forward proxy")


async def lead_through(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, upstream: UpstreamSettings, proxy: ForwardProxy
) -> None:
    """Ask the proxy at the other end of `sock` for a tunnel to the upstream, and wait for it.

    Raises:
        UpstreamProxyFailed: there is none.
    """
    received = b""
    try:
        await loop.sock_sendall(sock, connect_request(upstream, proxy))
        while not is_led(received):
            data = await loop.sock_recv(sock, MOST_BYTES)
            if not data:
                raise proxy_failed("the forward proxy closed the connection without a response to CONNECT")
            received += data
    except OSError as error:
        raise proxy_error(error) from None


def proxy_error(error: Exception) -> UpstreamProxyFailed:
    """Explain in our own words why there is no connection to a forward proxy."""
    found = verdict(error, _WAY)
    return proxy_failed("no connection to the forward proxy" if found is None else found.words)
