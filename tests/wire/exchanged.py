"""What one request or answer looks like on the other side of a rig with one route."""

from ipaddress import ip_network

from gateway.core.settings.proxies import TrustedProxies
from tests.wire.messages import request
from tests.wire.rig import Rig

OURS = [
    b"host",
    b"x-request-id",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"via",
    b"authorization",
]
TRUSTED = {"trusted_proxies": TrustedProxies((ip_network("127.0.0.0/8"),))}


async def head_after(*fields, **members):
    """The head that the upstream got for a GET with these fields."""
    async with Rig(routes=lambda rig: [rig.route(**members)]) as rig:
        assert (await rig.ask(request("GET", "/", *fields))).status == 200
        return rig.upstream.requests[0].head


async def answer_after(raw, **members):
    async with Rig(raw, routes=lambda rig: [rig.route(**members)]) as rig:
        return await rig.get()


# ── what passes ───────────────────────────────────────────────────────────────────────────────────────
