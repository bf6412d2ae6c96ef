"""Events that many clients meet alike: the first few are logged one by one, the rest in one line."""

import json
import logging

import pytest

from gateway.core.cause import Cause
from gateway.core.errors import TokenRefused, TokenUnavailable
from gateway.core.oauth.token_events import MetadataObjected, TokenFailed
from gateway.core.settings.client_settings import ClientName
from gateway.observe.alike import EVERY_S, MOST_TOLD
from gateway.observe.token_log import TokenLog

ONE, OTHER = "https://one.example.com", "https://other.example.com"
CLIENTS = [ClientName(f"c{number}") for number in range(400)]


class Timers:
    """Implements `call_later`, for a clock that the test moves."""

    def __init__(self) -> None:
        self.set: list[tuple[float, object, tuple[object, ...]]] = []

    def __call__(self, delay: float, callback, /, *args: object) -> None:
        self.set.append((delay, callback, args))

    def all_go_off(self) -> None:
        going, self.set = self.set, []
        for _, callback, args in going:
            callback(*args)


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def log(timers) -> TokenLog:
    return TokenLog({client: OTHER if client == "c399" else ONE for client in CLIENTS}, timers)


@pytest.fixture(autouse=True)
def everything(caplog):
    with caplog.at_level(logging.DEBUG, "gateway.token"):
        yield


def fail(log: TokenLog, client: ClientName, kind=TokenUnavailable, cause=Cause.CONNECTION_REFUSED) -> None:
    error = kind(f"client {client}: it failed", cause=cause, key=f"clients.{client}.token_endpoint")
    log.told(TokenFailed(client, error, 4.0))


def test_four_hundred_clients_of_a_dead_server_are_four_lines_in_ten_seconds(caplog, log, timers):
    """Without the summary there were 32 lines a second."""
    for _ in range(3):
        for client in CLIENTS[:399]:
            fail(log, client)
    timers.all_go_off()

    *first, last = caplog.records
    assert [record.__dict__["fields"]["client"] for record in first] == ["c0", "c1", "c2"]
    assert last.getMessage() == (
        "no token for 396 more clients of https://one.example.com either, for the same reason "
        "(token_unavailable, connection_refused): c3, c4, c5, c6, c7, c8, c9, c10 (and 388 more)"
    )
    assert last.__dict__["fields"] == {
        "server": ONE,
        "clients": 396,
        "error": "token_unavailable",
        "side": "authorization server",
        "cause": "connection_refused",
    }


def test_it_goes_on_like_that_while_it_lasts_and_nothing_is_kept(caplog, log, timers):
    for window in range(1, 4):
        for client in CLIENTS[:399]:
            fail(log, client)
        assert [delay for delay, _, _ in timers.set] == [EVERY_S]
        timers.all_go_off()
        assert len(caplog.records) == window * (MOST_TOLD + 1)
    assert timers.set == []
    assert log._alike._windows == {}


def test_few_clients_are_told_one_by_one(caplog, log, timers):
    for client in CLIENTS[:MOST_TOLD]:
        fail(log, client)
    timers.all_go_off()
    assert len(caplog.records) == MOST_TOLD


@pytest.mark.parametrize(
    "other",
    [
        {"client": CLIENTS[399]},
        {"client": CLIENTS[398], "cause": Cause.UNKNOWN_AUTHORITY},
        {"client": CLIENTS[398], "kind": TokenRefused},
    ],
)
def test_what_is_not_alike_is_not_hidden(caplog, log, other):
    """Another server, another cause, another kind of failure."""
    for client in CLIENTS[:300]:
        fail(log, client)
    before = len(caplog.records)
    fail(log, **other)
    assert len(caplog.records) == before + 1


def test_an_objection_is_told_of_a_few_clients_and_counted_for_the_rest(caplog, log, timers):
    """100 clients made two megabytes of log."""
    for client in CLIENTS[:100]:
        log.told(MetadataObjected(client, ("it binds no tokens", "it lists other methods")))
    timers.all_go_off()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2 * (MOST_TOLD + 1)
    assert messages[-2].startswith(
        "97 more clients of https://one.example.com: the issuer's metadata: it binds no tokens: c3, c4"
    )
    assert sum(map(len, messages)) + len(json.dumps(messages)) < 10_000
