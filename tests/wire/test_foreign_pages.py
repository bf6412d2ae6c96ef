"""Web pages on this machine: a browser lends them its reach to a loopback listener, but not our token.

Fetch Metadata; RFC 6454 section 7; DNS rebinding (Envoy audit EP-01-001).
"""

from dataclasses import replace

import pytest

from gateway.core.settings.listener_settings import Address, ListenerSettings
from tests.wire.messages import request
from tests.wire.rig import Rig

LOCAL = "Host: 127.0.0.1:8080"


def guarded(rig):
    """As `config` makes them: every route with a client refuses, others do not."""
    return [
        rig.route("/", refuses_foreign_pages=True),
        rig.route("/", name="named", host="crm.test", refuses_foreign_pages=True),
        rig.route("/open", has_token=False),
        rig.route("/allowed"),
    ]


FOREIGN = {
    "a form that posts across sites": (LOCAL, "Origin: https://evil.test", "Sec-Fetch-Site: cross-site"),
    "an old browser's form": (LOCAL, "Origin: https://evil.test"),
    "a sandboxed page": (LOCAL, "Origin: null"),
    "a link or an image": (LOCAL, "Sec-Fetch-Site: cross-site"),
    "DNS rebinding": ("Host: evil.test:8080",),
    "DNS rebinding, same-origin": (
        "Host: evil.test",
        "Origin: http://evil.test",
        "Sec-Fetch-Site: same-origin",
    ),
    "a page of another site, by the route's host": ("Host: crm.test", "Origin: https://evil.test"),
}
OWN = {
    "curl": (LOCAL,),
    "an application by name": ("Host: localhost:8080", "User-Agent: legacy/1"),
    "an application by the route's host": ("Host: crm.test",),
    "a page of this machine": (LOCAL, "Origin: http://localhost:3000", "Sec-Fetch-Site: same-site"),
    "typed in": (LOCAL, "Sec-Fetch-Site: none"),
}


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_page_gets_no_token_on_a_loopback_listener(fields, method):
    async with Rig(routes=guarded) as rig:
        answer = await rig.ask(request(method, "/", *fields, body=b"a=b" if method == "POST" else b""))

        assert (answer.status, answer.code) == (403, "foreign_page")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize("fields", OWN.values(), ids=OWN)
async def test_whoever_is_of_this_machine_is_served(fields):
    async with Rig(routes=guarded) as rig:
        assert (await rig.ask(request("GET", "/", *fields))).status == 200
        assert rig.upstream.requests[0].head.value("Authorization") == b"Bearer token_1"


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["/open", "/allowed"])
async def test_routes_without_a_client_and_those_that_allow_it_take_foreign_pages(path, fields):
    if "crm.test" in fields[0]:
        return
    async with Rig(routes=guarded) as rig:
        assert (await rig.ask(request("GET", path, *fields))).status == 200


async def test_what_the_page_says_of_itself_is_forwarded():
    async with Rig(routes=guarded) as rig:
        await rig.ask(request("GET", "/", *OWN["a page of this machine"]))
        head = rig.upstream.requests[0].head

        assert head.value("Origin") == b"http://localhost:3000"
        assert head.value("Sec-Fetch-Site") == b"same-site"


@pytest.mark.parametrize("address", [Address("0.0.0.0", 0), "unix"])
async def test_other_listeners_know_none_of_their_names_and_no_browser_opens_a_unix_socket(tmp_path, address):
    listener = ListenerSettings(Address(path=str(tmp_path / "s")) if address == "unix" else address)
    async with Rig(routes=guarded, listeners=(listener,)) as rig:
        if address != "unix":
            rig.address = replace(rig.address, host="127.0.0.1")
        assert (
            await rig.ask(request("GET", "/", "Host: evil.test", "Origin: https://evil.test"))
        ).status == 200
