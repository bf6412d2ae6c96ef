"""What `gateway token CLIENT` tells: one question to the authorization server and its answer, as a value.

Rules: no secret, key, assertion or proof ever stands here, the token only as a length, a shape and a
fingerprint; of a JWT the claims are shown and never the signature; what the owner put into ``parameters``
and ``headers`` is masked, for it may be a secret too; foreign text is cut and cleaned (`masking`).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from gateway.core.client_settings import AuthMethod, ClientSettings, Grant
from gateway.core.json_object import JsonObject, texts_in
from gateway.core.masking import Mask, shown_url
from gateway.core.oauth.attempt import Asked, Attempt
from gateway.core.oauth.bearer import fingerprint
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import cause_of, key_of
from gateway.core.oauth.jwt_claims import read_claims
from gateway.core.oauth.lifetime import bounded_life_s
from gateway.core.oauth.metadata import Look, ServerMetadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, Granted, whole_reason
from gateway.core.oauth.token_request import build_token_request, grant_fields, proof_fields
from gateway.core.secret import MASK, Secret
from gateway.core.signing_settings import JsonClaim
from gateway.doctor.deviations import Deviation, advice_on, find_deviations
from gateway.doctor.error_text import error_text

SHOWN_FIELDS: Final = (
    "content-type",
    "cache-control",
    "www-authenticate",
    "retry-after",
    "location",
    "date",
    "dpop-nonce",
)
MASKED_FROM_CHARS: Final = 8
"""Shorter texts of the owner are no secrets, and would mask half of what is shown."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TokenShape:
    """A token as it may be shown. `claims` are None where it is no JWT; `is_bound`: to a key of ours."""

    fingerprint: str
    characters: int
    lifetime_s: float
    is_lifetime_stated: bool
    scope: tuple[str, ...]
    claims: JsonObject | None
    is_bound: bool


@dataclass(frozen=True, slots=True)
class LookShape:
    """A place that was looked at for the issuer's metadata.

    Attributes:
        problem: why there is none, or empty.
        said_issuer: in whose name the answer was, if not in the issuer's, or empty.
    """

    url: str
    status: int | None
    problem: str
    said_issuer: str


@dataclass(frozen=True, slots=True)
class AttemptShape:
    """One token request as it was sent, and its answer.

    Attributes:
        secret: which of the client's secrets was taken, from 1.
        sent: empty where there was no connection.
        status: None where no answer came.
    """

    url: str
    secret: int
    sent: Pairs
    status: int | None
    received: Pairs
    took_s: float


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """One question and what came of it.

    Attributes:
        secrets: how many the client has.
        secret_names: what names them, as `/clients`, metrics and log do.
        problem: why there is no token, or empty.
        cause, key: the same as a word (`core.cause`), and the key of `gateway.yaml` to look at.
        description: the server's own words about it, cleaned.
        advice: what to change, or empty.
        oddities: what is odd about the secrets, where there is no token.
        tried: settings that were tried afterwards, as they stand in `gateway.yaml`.
        remedy: the one of them that got a token, or empty.
        objections: what the server's metadata says against the settings.
    """

    client: str
    issuer: str
    method: str
    secrets: int
    secret_names: tuple[str, ...]
    asked_scope: tuple[str, ...]
    looks: tuple[LookShape, ...]
    attempts: tuple[AttemptShape, ...]
    token: TokenShape | None
    problem: str
    description: str
    advice: str
    oddities: tuple[str, ...]
    tried: tuple[str, ...]
    remedy: str
    deviations: tuple[Deviation, ...]
    objections: tuple[str, ...]
    cause: str = ""
    key: str = ""

    @property
    def has_token(self) -> bool:
        """Whether a token was had."""
        return self.token is not None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a report is made from.

    Attributes:
        hidden: what the client proves itself with, as it is kept.
        looks: where the issuer's metadata was looked for.
        oddities, tried, remedy: see `ProbeReport`.
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


def make_report(probe: Probe) -> ProbeReport:
    """Give the report on one question."""
    grant, outcome = probe.client.grant, probe.asked.outcome
    answer = _last_answer(probe.asked)
    failed = outcome if isinstance(outcome, Failed) else None
    status = None if answer is None else answer.status
    mask = Mask(_hidden(probe))
    return ProbeReport(
        client=grant.client,
        issuer=grant.issuer or "",
        method=grant.method.value,
        secrets=len(probe.client.credentials),
        secret_names=tuple(map(str, probe.facts.names)),
        asked_scope=grant.scope,
        looks=tuple(_look(look, grant, mask) for look in probe.looks),
        attempts=tuple(_attempt(attempt, grant, mask) for attempt in probe.asked.attempts),
        token=_shape(outcome, probe, mask) if isinstance(outcome, Granted) else None,
        problem=whole_reason(failed, grant.client) if failed else "",
        cause=cause_of(failed).value if failed else "",
        key=key_of(failed, probe.client) if failed else "",
        description=mask.text(_description(answer)) if failed else "",
        advice=advice_on(failed.code, grant.method, status, has_tried=bool(probe.tried)) if failed else "",
        oddities=probe.oddities if failed else (),
        tried=probe.tried,
        remedy=probe.remedy,
        deviations=() if answer is None else _deviations(answer, grant, mask),
        objections=tuple(map(mask.whole, probe.facts.objections)),
    )


def _last_answer(asked: Asked) -> ServerAnswer | None:
    answer = asked.attempts[-1].answer if asked.attempts else None
    return answer if isinstance(answer, ServerAnswer) else None


def _hidden(probe: Probe) -> Iterator[Secret]:
    yield from probe.hidden
    yield from (Secret(text) for text in _owners_texts(probe) if len(text) >= MASKED_FROM_CHARS)
    yield from map(Secret, _proxy_credentials(probe.client.reach.proxy))
    for attempt in probe.asked.attempts:
        yield attempt.proof
        if probe.client.grant.method is AuthMethod.CLIENT_SECRET_BASIC:
            yield _basic(probe.client.grant, attempt.proof)
        if attempt.dpop_proof is not None:
            yield attempt.dpop_proof
        document = attempt.answer.document() if isinstance(attempt.answer, ServerAnswer) else None
        given = ((document or {}).get(name) for name in ("access_token", "refresh_token"))
        yield from (Secret(text) for text in given if isinstance(text, str))


def _owners_texts(probe: Probe) -> Iterator[str]:
    """What the owner wrote that may be a secret, and that the server was sent."""
    grant = probe.client.grant
    yield from (value for _, value in (*grant.headers, *grant.parameters))
    for _, claim in () if grant.assertion is None else grant.assertion.claims:
        yield from texts_in(json.loads(claim.text) if isinstance(claim, JsonClaim) else claim)
    for url in {attempt.url for attempt in probe.asked.attempts}:
        query = url.partition("?")[2]
        yield query
        yield from (part.partition("=")[2] for part in query.split("&"))


def _proxy_credentials(proxy: str | None) -> Iterator[str]:
    """What a proxy was told of us, as it stands in the URL, in the header, and in between: it may echo it."""
    userinfo, at, _ = urlsplit(proxy or "").netloc.rpartition("@")
    if at:
        user, _, password = userinfo.partition(":")
        for pair in (userinfo, f"{unquote(user)}:{unquote(password)}"):
            yield pair
            yield pair.partition(":")[2]
            for code in ("latin-1", "utf-8"):  # aiohttp's, and that of RFC 7617
                yield b64encode(pair.encode(code, "replace")).decode("ascii")


def _basic(grant: Grant, proof: Secret) -> Secret:
    """Give the credentials as they stood in the header: a server may write its header back."""
    return Secret(build_token_request(grant, proof).headers.get("Authorization", "").partition(" ")[2])


def _deviations(answer: ServerAnswer, grant: Grant, mask: Mask) -> tuple[Deviation, ...]:
    """Of the body they quote nothing, of the header they may."""
    fields = {name: mask.text(value) for name, value in answer.fields.items()}
    return find_deviations(replace(answer, fields=fields), grant)


def _look(look: Look, grant: Grant, mask: Mask) -> LookShape:
    is_other = look.said_issuer not in {"", grant.issuer}
    problem = "" if isinstance(look.found, ServerMetadata) else look.found.reason
    return LookShape(look.url, look.status, problem, mask.text(look.said_issuer) if is_other else "")


def _attempt(attempt: Attempt, grant: Grant, mask: Mask) -> AttemptShape:
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


def _shape(granted: Granted, probe: Probe, mask: Mask) -> TokenShape:
    text = granted.access_token.reveal()
    claims = read_claims(text)
    return TokenShape(
        fingerprint=fingerprint(probe.fingerprint_key, granted.access_token),
        characters=len(text),
        lifetime_s=bounded_life_s(granted.lifetime_s, probe.client.default_lifetime_s),
        is_lifetime_stated=granted.lifetime_s is not None,
        scope=tuple(mask.whole(" ".join(granted.scope)).split()),
        claims=None if claims is None else mask.claims(claims),
        is_bound=granted.prover is not None,
    )
