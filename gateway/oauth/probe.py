"""One token request for real, for the operator: what was sent, what came back, what to change."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.clock import Clock
from gateway.core.probe import Probe, ProbeReport, make_report
from gateway.core.secret import Secret
from gateway.core.settings import ClientSettings
from gateway.core.token_outcome import Failed
from gateway.oauth.endpoint import TokenEndpoint


async def probe(client: ClientSettings, clock: Clock, fingerprint_key: bytes) -> ProbeReport:
    """Ask once for a token of `client` and report on it; raises nothing but cancellation."""
    endpoint = TokenEndpoint(clock.wall_s)
    began_s = clock.now_s()
    try:
        # In two steps, so that what is masked in the report is what was sent.
        proof = endpoint.prove(client)
        answer = proof if isinstance(proof, Failed) else await endpoint.send(client, proof)
    finally:
        await endpoint.close()
    took_s = clock.now_s() - began_s
    hidden = tuple(_hidden(client, proof))
    return make_report(Probe(client, hidden, answer, took_s, clock.wall_s(), fingerprint_key))


def _hidden(client: ClientSettings, proof: Secret | Failed) -> Iterator[Secret]:
    if isinstance(proof, Failed):
        return
    yield proof
    try:
        yield client.credential()  # what signed the proof is not sent, but a server may know it
    except (OSError, ValueError):
        return
