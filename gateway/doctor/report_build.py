"""An examination -> its report: what may be shown, with secrets masked, and advice on what failed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.core.oauth.bearer import fingerprint
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import cause_of
from gateway.core.oauth.diagnosis.deviations import Deviation
from gateway.core.oauth.diagnosis.witness import Witness
from gateway.core.oauth.jwt_claims import read_claims
from gateway.core.oauth.lifetime import bounded_life_s
from gateway.core.oauth.metadata import Look, ServerMetadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, whole_reason
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.text.masking import Mask, shown_url
from gateway.doctor.error_text import error_text
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
        witness: tells what depends on the kind of the client's grant.
        key: the key of `gateway.yaml` to look at if there is no token.
        looks: where the issuer's metadata was looked for.
        tried, remedy: as in `Report`.
    """

    client: ClientSettings
    witness: Witness
    asked: Asked
    facts: ClientFacts
    looks: tuple[Look, ...]
    tried: tuple[str, ...]
    remedy: str
    key: str
    fingerprint_key: bytes = field(repr=False)


def make_report(examination: Examination) -> Report:
    """Build the report on an examination."""
    client, asked, facts = examination.client, examination.asked, examination.facts
    outcome, answer, witness = asked.outcome, _last_answer(asked), examination.witness
    failed = outcome if isinstance(outcome, Failed) else None
    mask = Mask(witness.hidden(asked))
    return Report(
        client=client.name,
        issuer=facts.issuer or "",
        method=facts.method,
        secrets=facts.secrets,
        secret_names=tuple(map(str, facts.names)),
        asked_scope=facts.asked_scope,
        looks=tuple(_look(look, facts.issuer, mask) for look in examination.looks),
        attempts=tuple(_attempt(attempt, witness, mask) for attempt in asked.attempts),
        token=_shape(outcome, examination, mask) if isinstance(outcome, Granted) else None,
        problem=whole_reason(failed, client.name) if failed else "",
        cause=cause_of(failed).value if failed else "",
        key=examination.key if failed else "",
        description=mask.text(_description(answer)) if failed and not _may_hold_token(failed) else "",
        advice=_advice(failed, examination) if failed else "",
        oddities=tuple(witness.oddities()) if failed else (),
        tried=examination.tried,
        remedy=examination.remedy,
        deviations=() if answer is None else _deviations(answer, witness, mask),
        objections=tuple(map(mask.whole, facts.objections)),
    )


def _advice(failed: Failed, examination: Examination) -> str:
    answer = _last_answer(examination.asked)
    return examination.witness.advice(failed, answer, has_tried=bool(examination.tried))


def _last_answer(asked: Asked) -> ServerAnswer | None:
    answer = asked.attempts[-1].answer if asked.attempts else None
    return answer if isinstance(answer, ServerAnswer) else None


def _deviations(answer: ServerAnswer, witness: Witness, mask: Mask) -> tuple[Deviation, ...]:
    """Find deviations; they may quote header fields, hence the mask, and quote nothing of the body."""
    fields = {name: mask.text(value) for name, value in answer.fields.items()}
    return witness.deviations(replace(answer, fields=fields))


def _look(look: Look, issuer: str | None, mask: Mask) -> LookShape:
    is_other = look.said_issuer not in {"", issuer}
    problem = "" if isinstance(look.found, ServerMetadata) else look.found.reason
    return LookShape(look.url, look.status, problem, mask.text(look.said_issuer) if is_other else "")


def _attempt(attempt: TokenAttempt, witness: Witness, mask: Mask) -> AttemptShape:
    answer = attempt.answer if isinstance(attempt.answer, ServerAnswer) else None
    received = ((name, answer.header(name)) for name in SHOWN_FIELDS) if answer is not None else ()
    return AttemptShape(
        url=shown_url(attempt.url),
        secret=attempt.number + 1,
        sent=tuple(witness.sent(attempt)) if attempt.was_sent else (),
        status=None if answer is None else answer.status,
        received=tuple((name, mask.text(value)) for name, value in received if value),
        took_s=attempt.took_s,
        verb=attempt.verb,
        step=attempt.step + 1,
        steps=attempt.steps,
        missing=tuple(mask.whole(str(nothing)) for nothing in attempt.missing),
    )


def _may_hold_token(failed: Failed) -> bool:
    """Whether the response was to have a token, and may have it anywhere: then no text of it is shown."""
    return failed.kind is FailureKind.INVALID and 200 <= failed.status < 300


def _description(answer: ServerAnswer | None) -> str:
    document = answer.members() if answer is not None else None
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
