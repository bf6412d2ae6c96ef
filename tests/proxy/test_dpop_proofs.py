"""Proofs for one request, and the nonces that its upstream wants. The rest is tested on the wire, in test_dpop.py."""

import pytest
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.core.settings.all_settings import Limits
from gateway.proxy.body import ReplayBudget, RequestBody
from gateway.proxy.dpop_proofs import DpopProofs, callers_lines
from gateway.proxy.outgoing.answer_reader import AnswerReader
from tests.core.samples import token
from tests.proxy.calls import call_of, rig
from tests.wire.messages import ok

WANTS = 'WWW-Authenticate: DPoP error="use_dpop_nonce"'
REFUSED = "401 Unauthorized"


class Prover:
    """Numbers its proofs, and says in them what they are for."""

    def __init__(self):
        self.count = 0

    def proof(self, method, url, nonce=""):
        self.count += 1
        return f"{self.count} {method} {url} {nonce}".encode()


def proofs_of(made, call=None, **head):
    return DpopProofs(call or call_of(made, **head), made.gateway.generation.routes[0], Prover())


def answer(*fields, status="200 OK"):
    reader = AnswerReader(Limits())
    reader.begin(is_head=False)
    reader.feed(ok(b"", *fields, status=status))
    return reader.answer


async def test_each_exchange_has_a_proof_of_its_own_for_method_and_url_without_query():
    async with rig() as made:
        proofs = proofs_of(made, method="PUT", target="/a/b?c=d")
        url = b"http://127.0.0.1:%d/a/b" % made.upstream.port

        assert [proofs.line() for _ in range(2)] == [
            b"DPoP: 1 PUT " + url + b" ",
            b"DPoP: 2 PUT " + url + b" ",
        ]


async def test_the_nonce_of_any_answer_goes_into_the_next_proofs_for_that_upstream():
    async with rig() as made:
        got = answer("DPoP-Nonce: n1", "X-A: b")
        assert not proofs_of(made).must_repeat(got)

        assert got.lines == [b"X-A: b"], "callers made no proof"
        assert proofs_of(made).line().endswith(b" n1")
        assert not proofs_of(made).must_repeat(answer())
        assert proofs_of(made).line().endswith(b" n1"), "an answer without one leaves it"


@pytest.mark.parametrize(
    ("fields", "status", "repeats"),
    [
        ((WANTS, "DPoP-Nonce: n1"), REFUSED, True),
        ((WANTS,), REFUSED, False),
        ((WANTS, "DPoP-Nonce: n1"), "400 Bad Request", False),
        (('WWW-Authenticate: DPoP error="invalid_token"', "DPoP-Nonce: n1"), REFUSED, False),
        (('WWW-Authenticate: Bearer error="use_dpop_nonce"', "DPoP-Nonce: n1"), REFUSED, False),
        (("DPoP-Nonce: n1",), REFUSED, False),
    ],
)  # fmt: skip
async def test_a_request_is_sent_again_where_a_nonce_is_asked_for_and_brought(fields, status, repeats):
    async with rig() as made:
        assert proofs_of(made).must_repeat(answer(*fields, status=status)) is repeats


async def test_a_request_is_sent_again_once():
    async with rig() as made:
        proofs = proofs_of(made)
        asks = [answer(WANTS, f"DPoP-Nonce: n{number}", status=REFUSED) for number in range(3)]

        assert [proofs.must_repeat(each) for each in asks] == [True, False, False]
        assert proofs.line().endswith(b" n2")


async def test_a_request_whose_body_is_gone_is_not_sent_again():
    async with rig() as made:
        call = call_of(made)
        call.body = RequestBody(EMPTY_PAYLOAD, call.head, keep=0, most=None, budget=ReplayBudget(0))
        call.body.note(b"more than is kept")

        assert not proofs_of(made, call).must_repeat(answer(WANTS, "DPoP-Nonce: n1", status=REFUSED))
        assert proofs_of(made).line().endswith(b" n1"), "the next one has it"


def test_an_informational_answer_tells_callers_no_nonce_either():
    early = answer("DPoP-Nonce: n1", "Link: </a>")
    bearer = token(1)

    assert callers_lines(None, early) == callers_lines(bearer, early) == early.lines
