"""What fits together across sections; what does not stands in the golden files."""

from __future__ import annotations

import pytest

from tests.config.documents import CLIENT, CRM, ROUTE, problems_of

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
    assert "would send the token unencrypted to another machine" in told[0]
    assert problems_of(sent_to(f"http://{host}", ", allow_insecure: false")) == [told[0]]
    assert problems_of(sent_to(f"http://{host}", ", allow_insecure: true")) == []


def test_an_upstream_elsewhere_that_gets_no_token_needs_no_tls():
    assert problems_of("routes: [{path: /, upstream: 'http://a'}]") == []


def test_a_wrong_allow_insecure_does_not_make_the_upstream_wrong_too():
    told = problems_of(sent_to("http://a", ", allow_insecure: 'true'"))
    assert [line.split(": ", 2)[1] for line in told] == ["routes[0].allow_insecure"]


def test_a_client_that_no_route_uses_is_fine():
    assert problems_of(CRM + ROUTE) == []
