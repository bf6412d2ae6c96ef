"""Several observers behind one: each is told what concerns it."""

from gateway.core.oauth.token_events import Reason, TokenRequested
from gateway.core.settings.client_settings import ClientName
from gateway.observe.fanout import Fanout

from .samples import RECORD

EVENT = TokenRequested(ClientName("crm"), Reason.FIRST)


class Recording:
    """Keeps what it is told."""

    def __init__(self):
        self.all = []

    def __getattr__(self, name):
        return lambda *arguments: self.all.append((name, *arguments))


def test_every_event_of_a_token_reaches_every_observer_of_tokens():
    requests, tokens, both = Recording(), Recording(), Recording()

    Fanout((requests, both), (tokens, both)).told(EVENT)

    assert tokens.all == both.all == [("told", EVENT)]
    assert requests.all == []


def test_every_request_reaches_every_observer_of_requests():
    requests, tokens, both = Recording(), Recording(), Recording()

    Fanout((requests, both), (tokens, both)).request_done(RECORD)

    assert requests.all == both.all == [("request_done", RECORD)]
    assert tokens.all == []


def test_observers_are_told_in_their_order():
    order = []
    observers = [Recording(), Recording()]
    for number, observer in enumerate(observers):
        observer.told = lambda _, number=number: order.append(number)

    Fanout((), tuple(observers)).told(EVENT)

    assert order == [0, 1]
