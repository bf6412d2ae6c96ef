"""What only the gateway promises: how few tokens it asks for, and that no request is lost to them."""

from __future__ import annotations

import socket
import time

from bench import callers, client, contestants
from bench.configs import Front
from bench.contestants import GATEWAY, Contestant
from bench.note import note
from bench.plan import Plan
from bench.processes import FAILURES, wait_until
from bench.results import Behaviour, Case
from bench.stage import Stage

_SLOW_TOKEN = "/token/3600/1000"  # the first token takes a second, in which all callers arrive
_SHORT_TOKEN = "/token/2"  # it lives two seconds
_DENIED_CALLERS = 10


def measure(stage: Stage, plan: Plan) -> list[Behaviour]:
    """Take every figure with a gateway of its own; those that fail are left out."""
    figures = []
    for take in (_cold, _expiring, _denied):
        note(f"behaviour: {take.__name__.strip('_')}")
        try:
            figures.append(take(stage, plan))
        except FAILURES as error:
            note(f"failed: {error}")
    return figures


def _cold(stage: Stage, plan: Plan) -> Behaviour:
    front = stage.front("gateway-cold", token_path=_SLOW_TOKEN)
    argv = GATEWAY.command(stage, front) or ()
    with stage.processes.running("gateway-cold", argv, stage.proxy_cpu) as child:
        wait_until(lambda: _listens(front.listen), child)
        watch = _Watch(stage, front, tokens_before=0)
        statuses = callers.all_at_once(front.listen, "/", plan.callers)
        return watch.figure(Case.COLD, len(statuses), len(statuses) - statuses.count(200))


def _expiring(stage: Stage, plan: Plan) -> Behaviour:
    front = stage.front("gateway-expiring", token_path=_SHORT_TOKEN)
    with contestants.running(stage, Contestant(GATEWAY), front):
        watch = _Watch(stage, front)
        outcome = stage.wrk.run(f"http://127.0.0.1:{front.listen}/strict/", plan.connections, plan.expiring_s)
        return watch.figure(Case.EXPIRING, outcome.requests, outcome.failures)


def _denied(stage: Stage, plan: Plan) -> Behaviour:
    front = stage.front("gateway-denied")
    requests_each = plan.denied_requests // _DENIED_CALLERS
    with contestants.running(stage, Contestant(GATEWAY), front):
        watch = _Watch(stage, front)
        statuses = callers.in_turns(front.listen, "/strict/denied", _DENIED_CALLERS, requests_each)
        return watch.figure(Case.DENIED, len(statuses), len(statuses) - statuses.count(401))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class _Watch:
    """The counters of the other servers, from its making to the figure."""

    def __init__(self, stage: Stage, front: Front, tokens_before: int | None = None) -> None:
        self._places = stage.places
        self._client_id = front.client_id
        self._began_at_s = time.monotonic()
        self._tokens_before = self._tokens() if tokens_before is None else tokens_before
        self._rejected_before = self._rejected()

    def figure(self, case: Case, requests: int, failures: int) -> Behaviour:
        return Behaviour(
            case=case,
            requests=requests,
            failures=failures,
            token_requests=self._tokens() - self._tokens_before,
            seconds=time.monotonic() - self._began_at_s,
            rejected=self._rejected() - self._rejected_before,
        )

    def _tokens(self) -> int:
        return client.token_requests(self._places.authorization_server, self._client_id)

    def _rejected(self) -> int:
        return client.rejected(self._places.strict)
