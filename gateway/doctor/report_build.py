"""An examination -> its report: what may be shown, with secrets masked, and advice on what failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.core.client_settings import AuthMethod, ClientSettings, Grant
from gateway.core.masking import Mask, shown_url
from gateway.core.oauth.bearer import fingerprint
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import cause_of, key_of
from gateway.core.oauth.jwt_claims import read_claims
from gateway.core.oauth.lifetime import bounded_life_s
from gateway.core.oauth.metadata import Look, ServerMetadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, Granted, whole_reason
from gateway.core.oauth.token_request import grant_fields, proof_fields
from gateway.core.secret import MASK, Secret
from gateway.doctor.deviations import Deviation, advice_on, find_deviations
from gateway.doctor.error_text import error_text
from gateway.doctor.hidden_texts import hidden_texts
from gateway.doctor.report import AttemptShape, LookShape, Report, TokenShape

SHOWN_FIELDS: Final = (
    "content-type",
    "cache-control",
    "www-authenticate",
    "retry-after",
    "location",
    "date",
    "dpop-nonce",
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was asked about a client, and what came of it.

    Attributes:
        hidden: the credentials as they are stored.
        looks: where the issuer's metadata was looked for.
        oddities, tried, remedy: as in `Report`.
    """

    client: ClientSettings
    hidden: tuple[Secret, ...]
    asked: Asked
    facts: ClientFacts
    looks: tuple[Look, ...]
    oddities: tuple[str, ...]
    tried: tuple[str, ...]
    remedy: str
    fingerprint_key: bytes = field(repr=False)


def make_report(examination: Examination) -> Report:
    """Build the report on an examination."""
    client, asked = examination.client, examination.asked
    grant, outcome, answer = client.grant, asked.outcome, _last_answer(asked)
    failed = outcome if isinstance(outcome, Failed) else None
    mask = Mask((*examination.hidden, *hidden_texts(client, asked)))
    return Report(
        client=grant.client,
        issuer=grant.issuer or "",
        method=grant.method.value,
        secrets=len(client.credentials),
        secret_names=tuple(map(str, examination.facts.names)),
        asked_scope=grant.scope,
        looks=tuple(_look(look, grant, mask) for look in examination.looks),
        attempts=tuple(_attempt(attempt, grant, mask) for attempt in asked.attempts),
        token=_shape(outcome, examination, mask) if isinstance(outcome, Granted) else None,
        problem=whole_reason(failed, grant.client) if failed else "",
        cause=cause_of(failed).value if failed else "",
        key=key_of(failed, client) if failed else "",
        description=mask.text(_description(answer)) if failed else "",
        advice=_advice(failed, examination) if failed else "",
        oddities=examination.oddities if failed else (),
        tried=examination.tried,
        remedy=examination.remedy,
        deviations=() if answer is None else _deviations(answer, grant, mask),
        objections=tuple(map(mask.whole, examination.facts.objections)),
    )


def _advice(failed: Failed, examination: Examination) -> str:
    answer = _last_answer(examination.asked)
    status = None if answer is None else answer.status
    return advice_on(failed.code, examination.client.grant.method, status, has_tried=bool(examination.tried))


def _last_answer(asked: Asked) -> ServerAnswer | None:
    answer = asked.attempts[-1].answer if asked.attempts else None
    return answer if isinstance(answer, ServerAnswer) else None


def _deviations(answer: ServerAnswer, grant: Grant, mask: Mask) -> tuple[Deviation, ...]:
    """Find deviations; they may quote header fields, hence the mask, and quote nothing of the body."""
    fields = {name: mask.text(value) for name, value in answer.fields.items()}
    return find_deviations(replace(answer, fields=fields), grant)


def _look(look: Look, grant: Grant, mask: Mask) -> LookShape:
    is_other = look.said_issuer not in {"", grant.issuer}
    problem = "" if isinstance(look.found, ServerMetadata) else look.found.reason
    return LookShape(look.url, look.status, problem, mask.text(look.said_issuer) if is_other else "")


def _attempt(attempt: TokenAttempt, grant: Grant, mask: Mask) -> AttemptShape:
    answer = attempt.answer if isinstance(attempt.answer, ServerAnswer) else None
    received = ((name, answer.header(name)) for name in SHOWN_FIELDS) if answer is not None else ()
    return AttemptShape(
        url=shown_url(attempt.url),
        secret=attempt.number + 1,
        sent=tuple(_sent(grant, has_proof=attempt.dpop_proof is not None)) if attempt.was_sent else (),
        status=None if answer is None else answer.status,
        received=tuple((name, mask.text(value)) for name, value in received if value),
        took_s=attempt.took_s,
    )


def _sent(grant: Grant, *, has_proof: bool) -> Iterator[tuple[str, str]]:
    if grant.method is AuthMethod.CLIENT_SECRET_BASIC:
        yield "Authorization", f"Basic {MASK}"
    if has_proof:
        yield "DPoP", MASK
    yield from ((name, MASK) for name, _ in grant.headers)
    yield "grant_type", grant.grant_type.value
    yield from proof_fields(grant, Secret(MASK))
    yield from grant_fields(replace(grant, parameters=tuple((name, MASK) for name, _ in grant.parameters)))
    if grant.certificate is not None:
        yield "(TLS certificate)", grant.certificate.certificate


def _description(answer: ServerAnswer | None) -> str:
    document = answer.document() if answer is not None else None
    return "" if document is None else error_text(document)


def _shape(granted: Granted, examination: Examination, mask: Mask) -> TokenShape:
    text = granted.access_token.reveal()
    claims = read_claims(text)
    return TokenShape(
        fingerprint=fingerprint(examination.fingerprint_key, granted.access_token),
        characters=len(text),
        lifetime_s=bounded_life_s(granted.lifetime_s, examination.client.default_lifetime_s),
        is_lifetime_stated=granted.lifetime_s is not None,
        scope=tuple(mask.whole(" ".join(granted.scope)).split()),
        claims=None if claims is None else mask.claims(claims),
        is_bound=granted.prover is not None,
    )
