"""The parts of a client's credential, by name, and where the answer has each."""

from __future__ import annotations

from typing import TypeAlias

from gateway.config.clients.client_model import ClientModel
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.whereabouts import Pick

Parts: TypeAlias = dict[str, Pick | None]


def parts_of(client: ClientModel) -> Parts:
    """Return the parts; None for a token that is where RFC 6749 has it."""
    if client.login is not None:
        taken = (take for step in client.login.steps for take in (step.take or {}).items())
        return {name: place.picks[0] for name, place in taken}
    if client.answer is None:
        return {MAIN_PART: None}
    token = client.answer.token
    parts = {name: place.picks[0] for name, place in (client.answer.take or {}).items()}
    return {MAIN_PART: None if token is None else token.picks[0], **parts}
