"""Several observers behind one: whatever the protocols can tell reaches whom it concerns."""

import inspect

import pytest

from gateway.core.http.access_record import RequestObserver
from gateway.core.oauth.token_events import TokenObserver
from gateway.demo.narrator import Narrator
from gateway.observe.fanout import Fanout
from gateway.observe.token_log import TokenLog
from gateway.observe.token_metrics import TokenMetrics

from .samples import RECORD


class Recording:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *arguments: self.told.append((name, *arguments))


def events_of(protocol):
    """The methods of a protocol, and for each as many different arguments as it takes."""
    methods = [name for name in vars(protocol) if not name.startswith("_")]
    return {
        name: tuple(object() for _ in inspect.signature(getattr(protocol, name)).parameters)[1:]
        for name in methods
    }


TOKEN_EVENTS = events_of(TokenObserver)


def test_the_protocols_are_read_as_they_are_written():
    assert events_of(RequestObserver).keys() == {"request_done"}
    assert {"token_requested", "token_revoked"} <= TOKEN_EVENTS.keys()
    assert len(TOKEN_EVENTS["token_obtained"]) == 4


@pytest.mark.parametrize("name", TOKEN_EVENTS)
def test_every_event_of_a_token_reaches_every_observer_of_tokens(name):
    requests, tokens, both = Recording(), Recording(), Recording()
    arguments = TOKEN_EVENTS[name]

    getattr(Fanout((requests, both), (tokens, both)), name)(*arguments)

    assert tokens.told == both.told == [(name, *arguments)]
    assert requests.told == []


def test_every_request_reaches_every_observer_of_requests():
    requests, tokens, both = Recording(), Recording(), Recording()

    Fanout((requests, both), (tokens, both)).request_done(RECORD)

    assert requests.told == both.told == [("request_done", RECORD)]
    assert tokens.told == []


def test_observers_are_told_in_their_order():
    order = []
    observers = [Recording(), Recording()]
    for number, observer in enumerate(observers):
        observer.token_rejected = lambda *_, number=number: order.append(number)

    Fanout((), tuple(observers)).token_rejected(*TOKEN_EVENTS["token_rejected"])

    assert order == [0, 1]


@pytest.mark.parametrize("kind", [Fanout, TokenLog, TokenMetrics, Narrator])
@pytest.mark.parametrize("name", TOKEN_EVENTS)
def test_every_observer_takes_every_event_by_the_same_names(kind, name):
    assert [*inspect.signature(getattr(kind, name)).parameters] == [
        *inspect.signature(getattr(TokenObserver, name)).parameters
    ]
