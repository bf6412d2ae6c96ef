"""What fits together; what does not stands in the golden files."""

from __future__ import annotations

import pytest

from tests.config.documents import CLIENT, CRM, ROUTE, load_text, problems_of

INJECTING = "routes: [{path: /, upstream: 'https://a', client: crm}]"


@pytest.mark.parametrize(
    "listen",
    [
        "127.0.0.1:80",
        "127.9.9.9:0",
        "'[::1]:80'",
        "localhost:80",
        "unix:/run/a.sock",
        "['[::1]:80', unix:/a]",
    ],
)
def test_a_private_listener_needs_no_access(listen):
    assert problems_of(f"listen: {listen}\n{CRM}{INJECTING}") == []


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:80", "'[::]:80'", "192.0.2.1:80", "gateway.example.com:80", "[127.0.0.1:80, 0.0.0.0:80]"],
)
def test_any_other_listener_needs_it_where_a_token_is_injected(listen):
    text = f"listen: {listen}\n{CRM}"
    assert len(problems_of(text + INJECTING)) == 1
    assert problems_of(text + INJECTING.replace("crm}", "crm, access: anyone}")) == []
    assert problems_of(text + ROUTE) == []


def test_the_default_listener_is_private():
    assert problems_of(CRM + INJECTING) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "localhost:8080"])
def test_a_token_endpoint_on_this_machine_needs_no_tls(host):
    client = CLIENT.replace("https://login.example.com", f"http://{host}")
    assert problems_of(f"clients: {{crm: {client}}}\n{ROUTE}") == []


def test_a_token_endpoint_elsewhere_needs_tls_or_a_word():
    client = CLIENT.replace("https", "http")
    assert len(problems_of(f"clients: {{crm: {client}}}\n{ROUTE}")) == 1
    allowed = client.replace("}'}", "}', allow_insecure: true}")
    assert problems_of(f"clients: {{crm: {allowed}}}\n{ROUTE}") == []


def sent_to(upstream, more=""):
    return f"{CRM}routes: [{{path: /, client: crm, upstream: '{upstream}'{more}}}]"


@pytest.mark.parametrize(
    "upstream",
    [
        *(
            f"http://{host}/a"
            for host in ("127.0.0.1", "127.1.2.3:80", "[::1]", "[::ffff:127.0.0.1]", "localhost:1")
        ),
        "http://LOCALHOST.",
        "unix:/run/legacy.sock",
        "https://api.example.com",
    ],
)
def test_a_token_may_go_to_this_machine_without_tls(upstream):
    assert problems_of(sent_to(upstream)) == []


@pytest.mark.parametrize(
    "host",
    [
        "a",
        "10.0.0.1:80",
        "[::2]",
        "128.0.0.1",
        "0.0.0.0",
        "localhost.example.com",
        "api.localhost",
        "127.0.0.1.nip.io",
    ],
)
def test_a_token_goes_to_another_machine_with_tls_or_with_a_word(host):
    told = problems_of(sent_to(f"http://{host}"))
    assert [line.split(": ", 2)[1] for line in told] == ["routes[0].upstream"]
    assert "would send the token unprotected to another machine" in told[0]
    assert problems_of(sent_to(f"http://{host}", ", allow_insecure: false")) == [told[0]]
    assert problems_of(sent_to(f"http://{host}", ", allow_insecure: true")) == []


def test_an_upstream_elsewhere_that_gets_no_token_needs_no_tls():
    assert problems_of("routes: [{path: /, upstream: 'http://a'}]") == []


def test_a_wrong_allow_insecure_does_not_make_the_upstream_wrong_too():
    told = problems_of(sent_to("http://a", ", allow_insecure: 'true'"))
    assert [line.split(": ", 2)[1] for line in told] == ["routes[0].allow_insecure"]


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ("", "", True),
        (", methods: [GET]", ", methods: [GET]", True),
        (", methods: [GET, PUT]", ", methods: [PUT, GET]", True),
        (", methods: [GET, PUT]", ", methods: [PUT, POST]", True),
        (", methods: [GET]", ", methods: [PUT]", False),
        (", methods: [GET]", "", False),
        (", host: a.b", ", host: A.B.", True),
        (", host: a.b", ", host: '*.b'", False),
        (", host: a.b", "", False),
        (", host: a.b, methods: [GET]", ", host: a.b", False),
    ],
)
def test_equal_routes_are_refused_and_others_are_not(one, other, is_equal):
    text = "routes: [{{path: /a, upstream: 'http://a'{}}}, {{path: /a/, upstream: 'http://b'{}}}]"
    assert len(problems_of(text.format(one, other))) == is_equal
    assert len(problems_of(text.format(other, one))) == is_equal


def test_the_later_of_three_equal_routes_are_refused_each_once():
    route = "  - {path: /a, upstream: 'http://a'}\n"
    assert [line.split(":")[0] for line in problems_of("routes:\n" + route * 3)] == ["3", "4"]


@pytest.mark.parametrize(
    ("scope", "is_wider"), [("a", False), ("a b", False), ("b a", False), ("a c", True), ("c", True)]
)
def test_a_route_can_only_narrow_the_scope_of_its_client(scope, is_wider):
    client = CLIENT.replace("}'}", "}', scope: a b}")
    route = f"{{path: /, upstream: 'https://a', client: crm, scope: {scope}}}"
    assert len(problems_of(f"clients: {{crm: {client}}}\nroutes: [{route}]")) == is_wider


def test_a_client_that_no_route_uses_is_fine():
    assert problems_of(CRM + ROUTE) == []


def test_any_free_port_may_be_asked_for_twice():
    assert problems_of("listen: [127.0.0.1:0, 127.0.0.1:0]\nadmin: 127.0.0.1:0\n" + ROUTE) == []


@pytest.mark.parametrize(
    "text", ["listen: [unix:/a, unix:/a]\n", "listen: 127.0.0.1:8079\n", "listen: unix:/a\nadmin: unix:/a\n"]
)
def test_an_address_is_listened_on_once(text):
    assert len(problems_of(text + ROUTE)) == 1


@pytest.mark.parametrize("authorization", ["replace", "reject"])
def test_a_route_without_a_client_may_set_a_fixed_authorization(authorization):
    headers = "headers: {request: {set: {Authorization: Basic eDp5}}}"
    settings = load_text(
        f"routes: [{{path: /, upstream: 'http://a', authorization: {authorization}, {headers}}}]"
    )
    assert settings.routes[0].request_headers.set == (("Authorization", "Basic eDp5"),)


def test_the_answer_may_carry_any_authorization():
    assert (
        problems_of(CRM + INJECTING.replace("crm}", "crm, headers: {response: {remove: [Authorization]}}}"))
        == []
    )


def test_one_body_fits_into_the_budget_for_all():
    assert problems_of("limits: {replay: 2KiB, replay_total: 2048}\n" + ROUTE) == []
    assert len(problems_of("limits: {replay: 2049, replay_total: 2KiB}\n" + ROUTE)) == 1
    assert len(problems_of("limits: {replay: 65MiB}\n" + ROUTE)) == 1
    assert len(problems_of("limits: {replay_total: 1KiB}\n" + ROUTE)) == 1


def test_keep_and_a_client_go_together():
    assert problems_of(CRM + INJECTING.replace("crm}", "crm, authorization: keep}")) == []


def test_recovering_on_nothing_switches_recovery_off():
    settings = load_text(CRM + INJECTING.replace("crm}", "crm, recover_on: []}"))
    assert settings.routes[0].recover_on == frozenset()


@pytest.mark.parametrize(
    ("route", "refuses"),
    [
        ("client: crm", True),
        ("client: crm, allow_foreign_pages: true", False),
        ("client: crm, access: anyone", True),
        ("client: crm, host: gateway", True),
        ("timeout: 1s", False),
    ],
)
def test_a_route_with_a_client_refuses_foreign_pages_unless_it_says_so(route, refuses):
    settings = load_text(f"{CRM}routes: [{{path: /, upstream: 'https://a', {route}}}]")
    assert settings.routes[0].refuses_foreign_pages is refuses
