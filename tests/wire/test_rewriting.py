"""Responses that would lead past the gateway, over real sockets. `docs/rewriting.md`."""

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.settings.rewrite_settings import CookieDomain, RewriteSettings
from gateway.core.settings.route_settings import HeaderRules
from tests.wire.exchanged import TRUSTED
from tests.wire.messages import ok
from tests.wire.rig import Rig
from tests.wire.test_instances import rig_of

CRM = {"base_path": "/v2", "strips_prefix": True}


def redirects(rig, *fields, status="302 Found"):
    """A script that answers with these fields, where `HERE` stands for the upstream's own origin."""
    here = f"http://127.0.0.1:{rig.upstream.port}"

    async def script(exchange):
        await exchange.body()
        exchange.write(ok(b"", *(each.replace("HERE", here) for each in fields), status=status))

    return script


async def answer_to(*fields, status="302 Found", asked="/crm/a", sent=(), **members):
    async with Rig(routes=lambda rig: [rig.route("/crm", **(CRM | members))]) as rig:
        rig.upstream.script = redirects(rig, *fields, status=status)
        first = (await rig.get(asked, *sent)).head
        again = (await rig.get(asked, *sent)).head  # its names are known now: it is read without a parser
        assert [each for each in first.fields if each[0] != b"Date"] == [
            each for each in again.fields if each[0] != b"Date"
        ]
        return again


@pytest.mark.parametrize("status", ["302 Found", "201 Created", "200 OK"])
async def test_a_redirect_to_the_upstream_stays_on_the_route(status):
    answer = await answer_to("Location: HERE/v2/users?a=%2f#b", status=status)

    assert answer.value("Location") == b"/crm/users?a=%2f#b"


async def test_content_location_stays_on_the_route_and_other_fields_as_they_are():
    answer = await answer_to("Content-Location: HERE/v2/a", "Link: <HERE/v2/a>", "Set-Cookie: A=1; Path=/v2")

    assert answer.value("Content-Location") == b"/crm/a"
    assert answer.value("Link").startswith(b"<http://127.0.0.1:")
    assert answer.value("Set-Cookie") == b"A=1; Path=/v2"


async def test_a_redirect_elsewhere_passes_byte_for_byte():
    answer = await answer_to("location:  https://login.example.com/v2/?next=/v2/a")

    assert answer.value("Location") == b"https://login.example.com/v2/?next=/v2/a"


async def test_cookies_are_rewritten_where_the_route_says_so():
    rewrite = RewriteSettings(cookie_path=True, cookie_domain=CookieDomain.REMOVE)
    cookies = ["Set-Cookie: A=1; Path=/v2/a; Domain=127.0.0.1; Secure", "Set-Cookie: B=2"]
    answer = await answer_to(*cookies, rewrite=rewrite, status="200 OK")

    assert answer.values("Set-Cookie") == [b"A=1; Path=/crm/a; Secure", b"B=2"]


async def test_a_route_may_leave_everything_as_it_is():
    answer = await answer_to("Location: HERE/v2/a", rewrite=RewriteSettings(location=False))

    assert answer.value("Location").startswith(b"http://127.0.0.1:")


async def test_with_preserve_host_the_callers_host_leads_back_too():
    answer = await answer_to(
        "Location: https://crm.test:81/v2/a", sent=["Host: crm.test:81"], preserves_host=True
    )

    assert answer.value("Location") == b"/crm/a"


@pytest.mark.parametrize(("trusted", "result"), [(True, b"/outer/crm/a"), (False, b"/crm/a")])
async def test_what_a_trusted_proxy_stripped_comes_first(trusted, result):
    proxies = TRUSTED if trusted else {}
    async with Rig(routes=lambda rig: [rig.route("/crm", **CRM)], **proxies) as rig:
        rig.upstream.script = redirects(rig, "Location: HERE/v2/a")
        answer = await rig.get("/crm/a", "X-Forwarded-Prefix: /outer")

        assert answer.head.value("Location") == result


async def test_a_rule_of_the_route_comes_after_it():
    rules = HeaderRules(set=(("Location", "https://elsewhere.test/"),))
    answer = await answer_to("Location: HERE/v2/a", response_headers=rules)

    assert answer.values("Location") == [b"https://elsewhere.test/"]


async def test_the_response_to_a_replay_stays_on_the_route():
    async with Rig(routes=lambda rig: [rig.route("/crm", **CRM)]) as rig:
        here = f"http://127.0.0.1:{rig.upstream.port}"

        async def guard(exchange):
            await exchange.body()
            is_new = exchange.token != "token_1"
            exchange.write(ok(b"", f"Location: {here}/v2/b", status="303 See Other" if is_new else "401 No"))

        rig.upstream.script = guard
        answer = await rig.get("/crm/a")

        assert (answer.status, answer.head.value("Location")) == (303, b"/crm/b")
        assert rig.told.records[0].recovery is Recovery.RECOVERED


async def test_where_the_credential_names_the_upstream_that_one_is_meant():
    async with rig_of("a.instances.test:{port}") as rig:
        own = f"https://a.instances.test:{rig.upstream.port}/v2/crm/b".replace("https", "http")
        rig.upstream.script = ok(b"", f"Location: {own}", status="302 Found")

        assert (await rig.get("/crm/a")).head.value("Location") == b"/crm/b"


async def test_the_upstream_is_told_which_prefix_was_stripped():
    async with Rig(routes=lambda rig: [rig.route("/crm", **CRM)]) as rig:
        await rig.get("/crm/a", "X-Forwarded-Prefix: /evil")

        assert rig.upstream.requests[0].head.values("X-Forwarded-Prefix") == [b"/crm"]
