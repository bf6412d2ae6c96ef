"""What `gateway token CLIENT` tells: one token request and its answer, as a value.

Rules: no secret, key or assertion ever stands here, the token only as a length, a shape and a fingerprint;
of a JWT the claims are shown and never the signature; what the owner put into ``parameters`` is masked, for
it may be a secret too; foreign text is cut and cleaned of control characters. Should the server have
written the secret or the token back to us, it is masked wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from gateway.core.bearer import fingerprint
from gateway.core.json_object import JsonObject
from gateway.core.jwt_claims import read_claims
from gateway.core.lifetime import bounded_life_s
from gateway.core.secret import MASK, Secret
from gateway.core.settings import AuthMethod, ClientSettings, Grant
from gateway.core.token_answer import TokenAnswer, read_document, read_token_answer
from gateway.core.token_deviations import Deviation, advice_on, find_deviations
from gateway.core.token_outcome import Failed, Granted, Outcome
from gateway.core.token_request import grant_fields, proof_fields

SHOWN_FIELDS: Final = ("content-type", "cache-control", "www-authenticate", "retry-after", "location", "date")
SHOWN_CLAIMS: Final = 40
SHOWN_CHARS: Final = 200

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TokenShape:
    """A token as it may be shown. `claims` are None where it is no JWT."""

    fingerprint: str
    characters: int
    lifetime_s: float
    is_lifetime_stated: bool
    scope: tuple[str, ...]
    claims: JsonObject | None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """One token request and what came of it.

    Attributes:
        status: None where no answer came.
        problem: why there is no token, or empty.
        description: the server's own words about it, cleaned.
        advice: what to change, or empty.
    """

    client: str
    token_endpoint: str
    method: str
    sent: Pairs
    asked_scope: tuple[str, ...]
    took_s: float
    status: int | None
    received: Pairs
    token: TokenShape | None
    problem: str
    description: str
    advice: str
    deviations: tuple[Deviation, ...]

    @property
    def has_token(self) -> bool:
        """Whether a token was had."""
        return self.token is not None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a report is made from.

    Attributes:
        hidden: what proved who we are, as it is kept and as it was sent, to be masked in what came back.
        wall_now_s: when the answer was there, seconds since 1970.
    """

    client: ClientSettings
    hidden: tuple[Secret, ...]
    answer: TokenAnswer | Failed
    took_s: float
    wall_now_s: float
    fingerprint_key: bytes


def make_report(probe: Probe) -> ProbeReport:
    """Give the report on one token request."""
    grant, answer = probe.client.grant, probe.answer
    outcome, deviations, received, status = _read(probe)
    failed = outcome if isinstance(outcome, Failed) else None
    mask = _Mask(probe.hidden, answer)
    return ProbeReport(
        client=grant.client,
        token_endpoint=shown_endpoint(grant.token_endpoint),
        method=grant.method.value,
        sent=tuple(_sent(grant)),
        asked_scope=grant.scope,
        took_s=probe.took_s,
        status=status,
        received=tuple((name, mask.text(value)) for name, value in received),
        token=_shape(outcome, probe, mask) if isinstance(outcome, Granted) else None,
        problem=failed.reason if failed else "",
        description=mask.text(_description(answer)) if failed else "",
        advice=advice_on(failed.code, grant.method) if failed else "",
        deviations=deviations,
    )


def shown_endpoint(url: str) -> str:
    """Give a URL without user information and with its query masked."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?' + MASK if parts.query else ''}"


def _read(probe: Probe) -> tuple[Outcome, tuple[Deviation, ...], Pairs, int | None]:
    answer, grant = probe.answer, probe.client.grant
    if isinstance(answer, Failed):
        return answer, (), (), None
    outcome = read_token_answer(answer, grant.scope, probe.wall_now_s)
    received = tuple((name, answer.header(name)) for name in SHOWN_FIELDS if answer.header(name))
    return outcome, find_deviations(answer, grant), received, answer.status


def _sent(grant: Grant) -> Iterator[tuple[str, str]]:
    if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        yield "Authorization", f"Basic {MASK}"
    yield "grant_type", grant.grant_type.value
    yield from proof_fields(grant, Secret(MASK))
    yield from grant_fields(replace(grant, parameters=tuple((name, MASK) for name, _ in grant.parameters)))
    if grant.certificate is not None:
        yield "(TLS certificate)", grant.certificate.certificate


def _description(answer: TokenAnswer | Failed) -> str:
    document = None if isinstance(answer, Failed) else read_document(answer)
    text = (document or {}).get("error_description")
    return text if isinstance(text, str) else ""


def _shape(granted: Granted, probe: Probe, mask: _Mask) -> TokenShape:
    text = granted.access_token.reveal()
    claims = read_claims(text)
    return TokenShape(
        fingerprint=fingerprint(probe.fingerprint_key, granted.access_token),
        characters=len(text),
        lifetime_s=bounded_life_s(granted.lifetime_s, probe.client.default_lifetime_s),
        is_lifetime_stated=granted.lifetime_s is not None,
        scope=granted.scope,
        claims=None if claims is None else mask.claims(claims),
    )


class _Mask:
    """Cleans foreign text and hides in it what was secret, plain or form-encoded."""

    def __init__(self, hidden: tuple[Secret, ...], answer: TokenAnswer | Failed) -> None:
        self._hidden = tuple(_spellings(hidden, answer))

    def text(self, foreign: str) -> str:
        for text in self._hidden:
            foreign = foreign.replace(text, MASK)  # before it is cut, or a half of it would show
        return "".join(char if char.isprintable() else " " for char in foreign[:SHOWN_CHARS])

    def claims(self, claims: JsonObject) -> JsonObject:
        return {self.text(name): self._value(claims[name]) for name in list(claims)[:SHOWN_CLAIMS]}

    def _value(self, value: Any) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        try:
            return self.text(value if isinstance(value, str) else json.dumps(value))
        except RecursionError:
            return "…"


def _spellings(hidden: tuple[Secret, ...], answer: TokenAnswer | Failed) -> Iterable[str]:
    document = None if isinstance(answer, Failed) else read_document(answer)
    members = document or {}
    held = [
        *(secret.reveal() for secret in hidden),
        members.get("access_token"),
        members.get("refresh_token"),
    ]
    plain = [text for text in held if isinstance(text, str) and text]
    return [*plain, *(quote_plus(text, errors="replace") for text in plain)]
