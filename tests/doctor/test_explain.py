from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.errors import AmbiguousPath, AuthorizationNotAllowed, MethodNotAllowed, NoRoute
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.balance_settings import CheckSettings
from gateway.core.settings.carriers import InCookie, InHeader, InQuery
from gateway.core.settings.client_settings import TlsFiles
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.instances import InstancePattern, InstanceSettings
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.settings.rewrite_settings import CookieDomain, RewriteSettings
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules
from gateway.core.settings.signing_settings import DpopSettings
from gateway.core.settings.upstream_settings import (
    AddressSettings,
    GroupName,
    GroupSettings,
    Scheme,
    UpstreamSettings,
)
from gateway.core.text.json_condition import JsonCondition
from gateway.core.text.json_pointer import read_pointer
from gateway.doctor.arrival import arrival
from gateway.doctor.explain import Question, render, request_bytes
from gateway.doctor.explain import explain as explain_asked
from tests.core.samples import GRANT, route

TLS = TlsFiles("a", "b")
LEGACY = UpstreamSettings(Scheme.UNIX, "localhost", 80, "/run/legacy.sock")


def settings(*routes):
    return Settings((ListenerSettings(Address("127.0.0.1", 8080)),), None, {}, routes)


CRM = route(
    "/crm",
    base_path="/occ/v2",
    strips_prefix=True,
    methods=frozenset({"GET"}),
    request_headers=HeaderRules(set=(("X-Tenant", "acme"),), remove=("Cookie",)),
)
ALL = settings(CRM, route("/", upstream=LEGACY, grant=None), route("/", name="host", host="b.test"))


def explain(settings, method, url, fields, origin=None, *, is_http10=False):
    """As the command does, but for the parser, which takes these lines apart as they are."""
    arrived = arrival(settings.listeners, url, origin, None)
    sent = request_bytes(
        method, url, [f"{name}: {value}" for name, value in fields], arrived, is_http10=is_http10
    )
    _, *lines = sent.removesuffix(b"\r\n\r\n").split(b"\r\n")
    raw = [tuple(line.split(b": ", 1)) for line in lines]
    return explain_asked(settings, Question(method, url, (1, 0 if is_http10 else 1), raw), arrived)


def test_route_and_upstream_url_are_told():
    explained = explain(ALL, "GET", "/crm/users?a=b", ())

    assert explained.route is CRM
    assert explained.upstream_url == "https://api.example.com/occ/v2/users?a=b"


def test_the_header_is_shown_before_and_after():
    fields = (
        ("Cookie", "a"),
        ("X-Foo", "1"),
        ("Authorization", "Bearer mine"),
        ("Connection", "X-Drop"),
        ("X-Drop", "1"),
    )
    explained = explain(ALL, "GET", "/crm", fields)

    assert explained.before == ("Host: 127.0.0.1:8080", *(f"{name}: {value}" for name, value in fields))
    assert explained.after[0] == "Host: api.example.com"
    assert "X-Foo: 1" in explained.after
    assert "X-Tenant: acme" in explained.after
    assert [line for line in explained.after if line.startswith("Authorization")] == [
        "Authorization: Bearer <the token of client crm>"
    ]
    assert not [line for line in explained.after if line.startswith(("Cookie", "X-Drop", "Connection"))]


def test_a_route_whose_tokens_are_bound_shows_a_proof():
    bound = route("/", grant=replace(GRANT, dpop=DpopSettings()), authorization=CallerAuthorization.KEEP)
    proof = ("DPoP", "the.callers.proof")
    ours = explain(settings(bound), "GET", "/", (proof,)).after
    kept = explain(settings(bound), "GET", "/", (proof, ("Authorization", "DPoP mine"))).after

    assert [line for line in ours if line.startswith(("Authorization", "DPoP"))] == [
        "Authorization: DPoP <the token of client crm>",
        "DPoP: <a new proof>",
    ]
    assert [line for line in kept if line.startswith(("Authorization", "DPoP"))] == [
        "Authorization: DPoP mine",
        "DPoP: the.callers.proof",
    ]


def credential_of(**members):
    lines = render(explain(settings(route("/", **members)), "GET", "/", ())).splitlines()
    return [line for line in lines if line.startswith("credential")]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "in the header field Authorization; the caller's own Authorization is removed"),
        (
            {"authorization": CallerAuthorization.KEEP},
            "in the header field Authorization; the caller's own Authorization goes out instead, if there is one",
        ),
        (
            {
                "send": (InCookie("S"), InHeader("X-CSRF-Token", part="csrf")),
                "authorization": CallerAuthorization.KEEP,
            },
            "in the cookie S and the header field X-CSRF-Token (part csrf); the caller's own Authorization passes beside it",
        ),
        (
            {"send": (InQuery("key"),), "authorization": CallerAuthorization.REJECT},
            "in the query parameter key; a request with an Authorization of the caller's is rejected",
        ),
    ],
)
def test_where_the_credential_goes_is_told(members, told):
    assert credential_of(**members) == [f"credential {told}"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "on 401"),
        ({"recover_on": frozenset()}, "on nothing"),
        (
            {
                "recover_on": frozenset({440, 401}),
                "refusal_signs": (
                    RefusalSign(302, location="/login"),
                    RefusalSign(200, content_type="text/html"),
                    RefusalSign(403, fields=(("X-CSRF-Token", "Required"), ("X-A", "*"))),
                    RefusalSign(200, json=(JsonCondition(read_pointer("/errcode"), (42001,)),)),
                ),
            },
            "on 401; 440; 302 to /login; 200 of type text/html; 403 with X-CSRF-Token: Required with X-A; 200 with JSON /errcode",
        ),
    ],
)
def test_what_is_recovered_is_told(members, told):
    lines = render(explain(settings(route("/", **members)), "GET", "/", ())).splitlines()
    assert [line for line in lines if line.startswith("recovers")] == [f"recovers   {told}"]


def test_an_upstream_that_the_credential_names_is_told_with_its_bounds():
    named = route(
        "/",
        upstream=UpstreamSettings(Scheme.HTTPS, "{token.at}", 443),
        instances=InstanceSettings("at", (InstancePattern("*.a.test"), InstancePattern("b.test", 8443))),
        base_path="/v1",
    )
    lines = render(explain(settings(named), "GET", "/x", ())).splitlines()
    assert lines[1:3] == [
        "upstream   https://{token.at}/v1/x",
        "instances  https://*.a.test or https://b.test:8443",
    ]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            {"base_path": "/v2", "strips_prefix": True},
            "Location and Content-Location: what is at https://api.example.com/v2, into /crm",
        ),
        (
            {
                "rewrite": RewriteSettings(location=False, cookie_domain=CookieDomain.REMOVE),
                "preserves_host": True,
            },
            "the Domain of cookies: what is at https://api.example.com/crm, or at the caller's Host, into /crm",
        ),
        (
            {"rewrite": RewriteSettings(location=False, cookie_path=True), "upstream": LEGACY},
            "the Path of cookies: what is at http://localhost/crm, into /crm",
        ),
        ({"rewrite": RewriteSettings(location=False)}, ""),
    ],
)
def test_what_is_rewritten_in_the_response_is_told(members, told):
    lines = render(explain(settings(route("/crm", **members)), "GET", "/crm", ())).splitlines()

    assert [line for line in lines if line.startswith("rewrites")] == ([f"rewrites   {told}"] if told else [])


def test_a_forward_proxy_is_told_without_its_password():
    proxy = ForwardProxy("proxy.test", 3128, Secret("me:hunter2"))
    there = UpstreamSettings(Scheme.HTTPS, "api.example.com", 443, proxy=proxy)
    text = render(explain(settings(route("/", upstream=there)), "GET", "/", ()))

    assert "proxy      proxy.test:3128, by CONNECT" in text.splitlines()
    assert "hunter2" not in text


def test_the_addresses_of_a_group_are_told_and_how_they_are_checked():
    one, other = (UpstreamSettings(Scheme.HTTP, host, 80) for host in ("a.test", "b.test"))
    behind = replace(other, proxy=ForwardProxy("proxy.test", 3128, Secret("me:hunter2")))
    group = GroupSettings(
        GroupName("orders"),
        (AddressSettings(one, one, weight=2), AddressSettings(one, behind, is_backup=True)),
        check=CheckSettings("/health", every_s=5.0, expect=frozenset({200})),
    )
    lines = render(explain(settings(route("/", upstream=one, group=group)), "GET", "/", ())).splitlines()
    start = lines.index(
        "addresses  of orders: the fewest requests, then one with an idle connection, then in turn"
    )
    assert lines[start + 1 : start + 4] == [
        "           a.test:80 as a.test, weight 2",
        "           b.test:80 as a.test, while no other can serve, through proxy.test:3128 by CONNECT",
        "checked    by GET /health every 5 s, alive at 200; out after 3 failures in a row, back after 2 successes",
    ]


def test_without_a_client_there_is_none():
    assert credential_of(grant=None) == []


def test_a_credential_in_the_query_is_shown_by_words():
    explained = explain(settings(route("/", send=(InQuery("key"),))), "GET", "/a?b=%3C", ())
    assert explained.upstream_url == "https://api.example.com/a?b=%3C&key=<the token of client crm>"


def test_a_unix_upstream_is_told_by_its_path():
    assert explain(ALL, "PUT", "/other", ()).upstream_url == "unix:/run/legacy.sock /other"


def test_a_route_without_a_client_sends_no_authorization():
    after = explain(ALL, "GET", "/other", (("Authorization", "Bearer mine"),)).after

    assert not [line for line in after if line.startswith("Authorization")]


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("http://b.test:81/x", ()),
        ("http://b.test", ()),
        ("http://b.test?q", ()),
        ("/x", (("host", "b.test"),)),
    ],
)
def test_the_host_comes_from_the_url_or_from_the_field(url, fields):
    assert explain(ALL, "GET", url, fields).route.name == "host"


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("http://b.test:81/x?y", b"GET /x?y HTTP/1.1\r\nHost: b.test:81\r\n"),
        ("https://b.test", b"GET / HTTP/1.1\r\nHost: b.test\r\n"),
        ("http://b.test?q=/", b"GET /?q=/ HTTP/1.1\r\nHost: b.test\r\n"),
        ("ftp://b.test/x", b"GET ftp://b.test/x HTTP/1.1\r\nHost: b.test\r\n"),
        ("/x?u=http://b.test/", b"GET /x?u=http://b.test/ HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"),
    ],
)
def test_a_url_is_asked_for_as_curl_does(url, first):
    """Not in absolute form, which only proxies are asked in: that one passes the guard against web pages."""
    assert request_bytes("GET", url, (), arrival(ALL.listeners, url, None, None)).startswith(first)


@pytest.mark.parametrize(
    ("method", "url", "error"),
    [("GET", "/crm/../x", AmbiguousPath), ("GET", "//crm", AmbiguousPath)],
)
def test_what_would_be_refused_is_refused(method, url, error):
    with pytest.raises(error):
        explain(ALL, method, url, ())


def test_no_route_and_no_method_are_told_apart():
    with pytest.raises(NoRoute):
        explain(settings(CRM), "GET", "/", ())
    with pytest.raises(MethodNotAllowed):
        explain(settings(CRM), "POST", "/crm", ())


def test_a_route_that_rejects_authorization_says_so():
    with pytest.raises(AuthorizationNotAllowed):
        explain(
            settings(route(authorization=CallerAuthorization.REJECT)), "GET", "/", (("Authorization", "x"),)
        )


def test_an_explanation_is_written_for_people():
    text = render(explain(ALL, "GET", "/crm", (("X-Foo", "1"),)))

    assert text.splitlines()[:3] == [
        "route      /crm (client crm)",
        "upstream   https://api.example.com/occ/v2",
        "caller     127.0.0.1, over http, at 127.0.0.1:8080",
    ]
    assert "  X-Foo: 1" in text
    assert "no client: no token is injected" in render(explain(ALL, "GET", "/other", ()))


def behind(**proxies):
    listeners = (ListenerSettings(Address(path="/run/a")), ListenerSettings(Address("0.0.0.0", 80), TLS))
    trusted = TrustedProxies(**proxies)
    return Settings(listeners, None, {}, (route("/", grant=None),), trusted_proxies=trusted)


@pytest.mark.parametrize(
    ("settings", "origin", "caller", "forwarded"),
    [
        (behind(), "unix", "unix, over http, at unix:/run/a", ["unknown", "http"]),
        (
            behind(unix=True),
            "unix",
            "unix, over http, at unix:/run/a; a trusted proxy, which speaks for 203.0.113.7",
            ["203.0.113.7", "gopher"],
        ),
        (behind(unix=True), "10.0.0.1", "10.0.0.1, over https, at 0.0.0.0:80", ["10.0.0.1", "https"]),
        (
            behind(networks=(ip_network("10.0.0.0/8"),)),
            "10.0.0.1",
            "10.0.0.1, over https, at 0.0.0.0:80; a trusted proxy, which speaks for 203.0.113.7",
            ["203.0.113.7, 10.0.0.1", "gopher"],
        ),
    ],
)
def test_whom_the_listener_trusts_is_believed(settings, origin, caller, forwarded):
    fields = (("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "gopher"))
    explained = explain(settings, "GET", "/", fields, origin)
    told = dict(line.split(": ", 1) for line in explained.after)

    assert explained.caller == caller
    assert [told["X-Forwarded-For"], told["X-Forwarded-Proto"]] == forwarded


def test_a_trusted_proxy_that_says_nothing_names_no_client():
    assert explain(behind(unix=True), "GET", "/", (), "unix").caller.endswith("which names no client")


def test_a_request_over_a_unix_socket_goes_to_localhost():
    assert explain(behind(), "GET", "/", (), "unix").before == ("Host: localhost",)


def test_the_callers_own_request_id_passes_as_it_does():
    after = explain(ALL, "GET", "/other", (("X-Request-ID", "mine"),)).after
    assert [line for line in after if line.startswith("X-Request-ID")] == ["X-Request-ID: mine"]


def test_what_the_gateway_answers_by_itself_goes_nowhere():
    explained = explain(ALL, "OPTIONS", "/other", (("Max-Forwards", "0"),))
    assert (explained.upstream_url, explained.after) == ("", ())
    assert "none: the gateway answers itself" in render(explained)


def test_a_request_of_http_1_0_has_no_host_unless_it_says_one():
    explained = explain(ALL, "GET", "/other", (), is_http10=True)
    assert explained.before == ()
    assert "Via: 1.0 gateway" in explained.after
