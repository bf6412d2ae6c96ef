"""The report of `gateway token CLIENT`: one token request and its outcome, as a value.

Rules:

- It holds no secret, key, assertion or proof, and of the token only its length, shape and fingerprint.
- The claims of a JWT are shown, its signature never is.
- Values of ``parameters`` and ``headers`` are masked, since they may be secrets too.
- Text of other parties is shortened and cleaned (`masking`).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.oauth.diagnosis.deviations import Deviation
from gateway.core.text.json_object import JsonObject

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TokenShape:
    """A token as it may be shown.

    Attributes:
        claims: None if it is not a JWT.
        is_bound: whether it is bound to a key of ours.
    """

    fingerprint: str
    characters: int
    lifetime_s: float
    is_lifetime_stated: bool
    scope: tuple[str, ...]
    claims: JsonObject | None
    is_bound: bool


@dataclass(frozen=True, slots=True)
class LookShape:
    """A URL where the issuer's metadata was looked for.

    Attributes:
        problem: why none was found there, or empty.
        said_issuer: the issuer that the response names, if it is another one, or empty.
    """

    url: str
    status: int | None
    problem: str
    said_issuer: str


@dataclass(frozen=True, slots=True)
class AttemptShape:
    """One token request as it was sent, and the response to it.

    Attributes:
        verb: the method of the request.
        step: which of the `steps` that a credential takes, counted from 1.
        secret: the number of the secret used, counted from 1.
        sent: empty if there was no connection.
        status: None if there was no response.
        missing: what was looked for in the response and not found, each with what was there instead.
    """

    url: str
    secret: int
    sent: Pairs
    status: int | None
    received: Pairs
    took_s: float
    verb: str = "POST"
    step: int = 1
    steps: int = 1
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One examination of a client and its outcome.

    Attributes:
        secrets: how many the client has.
        secret_names: their names, as in `/clients`, metrics and logs.
        problem: why there is no token, or empty.
        cause, key: the problem as a word (`core.cause`), and the key of `gateway.yaml` to look at.
        description: the server's own words about it, cleaned.
        advice: what to change, or empty.
        oddities: what looks wrong with the secrets, if there is no token.
        tried: other settings that were tried, as written in `gateway.yaml`.
        remedy: the one of them that worked, or empty.
        objections: settings that the server's metadata rules out.
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
        """Whether a token was obtained."""
        return self.token is not None
