"""What keeps a route from its upstream: logged once a minute for each kind of trouble, whatever the traffic."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cause import Cause
from gateway.core.errors import (
    RouteFileUnusable,
    UpstreamAnswerTooLarge,
    UpstreamConnectTimeout,
    UpstreamProxyFailed,
    UpstreamProxyLeadsNowhere,
    UpstreamTimeout,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.http.route_trouble import trouble_of
from gateway.observe.route_health import QUIET_S, RouteHealth

DOWN = UpstreamUnreachable(
    "no connection to the upstream: Connection refused", cause=Cause.CONNECTION_REFUSED
)


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def made(clock):
    return RouteHealth("/crm", "routes[2]", "crm", clock)


def told(caplog):
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_trouble_is_told_once_with_side_cause_and_key(caplog, clock):
    health = made(clock)
    for _ in range(5):
        health.failed(DOWN)
    assert told(caplog) == [
        (
            "WARNING",
            "route /crm: no connection to the upstream: Connection refused (upstream_unreachable, see routes[2].upstream)",
        )
    ]
    assert caplog.records[0].fields == {
        "route": "/crm",
        "error": "upstream_unreachable",
        "side": "upstream",
        "cause": "connection_refused",
        "key": "routes[2].upstream",
        "count": 1,
    }
    assert (health.failures, health.is_troubled) == (5, True)


def test_after_a_minute_it_is_told_again_with_the_number_of_those_in_between(caplog, clock):
    health = made(clock)
    for _ in range(4):
        health.failed(DOWN)
    clock.now_s += QUIET_S
    health.failed(DOWN)
    assert told(caplog)[1][1].endswith("; 3 more since this was last logged")
    assert caplog.records[1].fields["count"] == 4


def test_another_cause_is_told_at_once(caplog, clock):
    health = made(clock)
    health.failed(DOWN)
    health.failed(UpstreamTlsFailed("expired", cause=Cause.CERTIFICATE_EXPIRED))
    health.failed(UpstreamTlsFailed("another", cause=Cause.UNKNOWN_AUTHORITY))
    health.refused_tokens()
    assert len(told(caplog)) == 4
    assert "clients.crm.scope, clients.crm.audience" in told(caplog)[3][1]


def test_its_end_is_told(caplog, clock):
    caplog.set_level(logging.INFO)
    health = made(clock)
    for _ in range(3):
        health.failed(DOWN)
    health.answered()
    assert told(caplog)[1] == (
        "INFO",
        "route /crm: the upstream answers again; requests that failed before: 3",
    )
    assert (health.is_troubled, health.is_shown) == (False, True)
    clock.now_s += QUIET_S
    assert not health.is_shown


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.sampled_from(["refused", "expired", "tokens", "answered"])))
)
def test_whatever_happens_lines_are_bounded(events):
    """At most two lines a minute for each kind, even where failures and answers alternate."""
    clock, lines = Clock(), []
    health = made(clock)
    handler = logging.Handler()
    handler.emit = lines.append
    logger = logging.getLogger("gateway.route")
    level, logger.level = logger.level, logging.INFO
    logger.addHandler(handler)
    try:
        for after_s, event in events:
            clock.now_s += after_s
            if event == "refused":
                health.failed(DOWN)
            elif event == "expired":
                health.failed(UpstreamTlsFailed("expired", cause=Cause.CERTIFICATE_EXPIRED))
            elif event == "tokens":
                health.refused_tokens()
            elif health.is_troubled:
                health.answered()
    finally:
        logger.removeHandler(handler)
        logger.level = level
    minutes = 1 + (clock.now_s - Clock.now_s) // QUIET_S
    assert len(lines) <= 4 * minutes


KEYS = [
    (DOWN, "routes[0].upstream"),
    (UpstreamConnectTimeout(), "routes[0].timeouts.connect"),
    (UpstreamTimeout(), "routes[0].timeouts.response"),
    (UpstreamTlsFailed("a", cause=Cause.UNKNOWN_AUTHORITY), "routes[0].tls.ca"),
    (UpstreamTlsFailed("a", cause=Cause.CERTIFICATE_OF_OTHER_NAME), "routes[0].tls.server_name"),
    (UpstreamTlsFailed("a", cause=Cause.CERTIFICATE_EXPIRED), "routes[0].upstream"),
    (UpstreamTlsFailed("a", cause=Cause.OWN_CERTIFICATE_MISSING), "routes[0].tls.certificate"),
    (RouteFileUnusable("a", cause=Cause.FILE_UNUSABLE, key="tls.key"), "routes[0].tls.key"),
    (UpstreamAnswerTooLarge(), "limits.header_bytes"),
]


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (DOWN, "upstreams.orders.addresses"),
        (UpstreamProxyFailed(), "upstreams.orders.proxy"),
        (UpstreamProxyLeadsNowhere(), "upstreams.orders.proxy"),
        (UpstreamTlsFailed("a", cause=Cause.UNKNOWN_AUTHORITY), "upstreams.orders.tls.ca"),
        (UpstreamTimeout(), "routes[0].timeouts.response"),
        (UpstreamAnswerTooLarge(), "limits.header_bytes"),
    ],
)
def test_what_belongs_to_the_addresses_is_a_key_of_their_group(error, key):
    assert trouble_of(error, "routes[0]", "orders").key == key


@pytest.mark.parametrize(("error", "key"), KEYS)
def test_every_trouble_has_a_key_to_look_at(error, key):
    assert trouble_of(error, "routes[0]").key == key
