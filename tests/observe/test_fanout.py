from gateway.core.errors import TokenRefused
from gateway.core.record import Reason
from gateway.core.settings import ClientName
from gateway.observe.fanout import Fanout

from .samples import RECORD, token

CRM = ClientName("crm")


class Recording:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *arguments: self.told.append((name, *arguments))


def test_every_observer_is_told_of_what_concerns_it():
    requests, tokens, both = Recording(), Recording(), Recording()
    fanout = Fanout((requests, both), (tokens, both))
    error = TokenRefused()

    fanout.request_done(RECORD)
    fanout.token_requested(CRM, Reason.FIRST)
    fanout.token_obtained(CRM, token(1), 300.0, 0.1)
    fanout.token_failed(CRM, error, 10.0)
    fanout.token_rejected(CRM, token(1))

    of_requests = [("request_done", RECORD)]
    of_tokens = [
        ("token_requested", CRM, Reason.FIRST),
        ("token_obtained", CRM, token(1), 300.0, 0.1),
        ("token_failed", CRM, error, 10.0),
        ("token_rejected", CRM, token(1)),
    ]
    assert (of_requests, of_tokens, of_requests + of_tokens) == (requests.told, tokens.told, both.told)
