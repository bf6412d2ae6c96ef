"""What the doctor asks about an OAuth grant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from gateway.core.oauth.diagnosis.deviations import Deviation, advice_on, find_deviations
from gateway.core.oauth.diagnosis.hidden_texts import hidden_texts
from gateway.core.oauth.diagnosis.shaped_deviations import find_shaped_deviations
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.oauth.token_request import token_fields
from gateway.core.secret import MASK, Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings
from gateway.core.text.secret_shape import oddities

_SECRET_METHODS: Final = frozenset(
    (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST, AuthMethod.CLIENT_SECRET_JWT)
)

_ELSEWHERE: Final = (
    "if the response has the token elsewhere, write where, as in answer: {token: /data/accessToken}"
)


class GrantWitness:
    """Implements `witness.Witness` for a client with a token endpoint."""

    def __init__(self, client: ClientSettings) -> None:
        self._client = client
        self._grant = client.grant

    def sent(self, attempt: TokenAttempt) -> Iterator[tuple[str, str]]:
        """Yield what the token request had."""
        grant = self._grant
        if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
            yield "Authorization", f"Basic {MASK}"
        if attempt.dpop_proof is not None:
            yield "DPoP", MASK
        yield from ((name, MASK) for name, _ in (*grant.headers, *grant.request.query))
        masked = tuple((name, MASK) for name, _ in grant.parameters)
        yield from token_fields(replace(grant, parameters=masked), Secret(MASK))
        if grant.certificate is not None:
            yield "(TLS certificate)", grant.certificate.certificate

    def hidden(self, asked: Asked) -> Iterator[Secret]:
        """Yield what must not be shown; the stored credentials too, which a server may know unsent."""
        client = self._client
        owners = (each.read for each in client.referenced)
        for reader in (*client.credentials, client.dpop_key, *owners):
            with suppress(OSError, ValueError):
                if reader is not None:
                    yield reader()
        yield from hidden_texts(client, asked)

    def oddities(self) -> Iterator[str]:
        """Yield what looks wrong with the client secrets."""
        if self._grant.method not in _SECRET_METHODS:
            return
        count = len(self._client.credentials)
        for number, reader in enumerate(self._client.credentials, 1):
            which = f" {number} of {count}" if count > 1 else ""
            with suppress(OSError, ValueError):
                yield from (f"client_secret{which} {odd}" for odd in oddities(reader().reveal()))

    def deviations(self, answer: ServerAnswer) -> tuple[Deviation, ...]:
        """Return where the answer deviates from RFC 6749, or from the shape that the owner wrote."""
        shape = self._grant.answer
        if shape is not None:
            return find_shaped_deviations(answer, self._grant, shape)
        return find_deviations(answer, self._grant)

    def advice(self, failed: Failed, answer: ServerAnswer | None, *, has_tried: bool) -> str:
        """Return what to change in `gateway.yaml` or at the server."""
        if self._lacks_token(failed, answer):
            return _ELSEWHERE
        status = None if answer is None else answer.status
        return advice_on(failed.code, self._grant.method, status, has_tried=has_tried)

    def _lacks_token(self, failed: Failed, answer: ServerAnswer | None) -> bool:
        """Whether an object came without the member that RFC 6749 demands, and no other is named."""
        document = None if answer is None else answer.document()
        is_invalid = failed.kind is FailureKind.INVALID and 200 <= failed.status < 300
        has_shape = self._grant.answer is not None and self._grant.answer.token is not None
        return is_invalid and bool(document) and not has_shape and "access_token" not in (document or {})
