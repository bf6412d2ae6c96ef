"""Settings of logins: what is sent, step by step, and what each step gives.

A text of a step is made of plain texts, of secrets, and of what earlier steps gave. It is put together when
the step is sent, and then placed as a whole by an encoder (JSON, form, header field): no character of a value
can become syntax.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.core.settings.whereabouts import FromCookie, LifeUnit, Pick
from gateway.core.text.json_condition import JsonCondition


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text that one of the client's `credentials` reads.

    Attributes:
        number: which of them, from 0.
    """

    number: int


@dataclass(frozen=True, slots=True)
class TakenText:
    """A text that an earlier step gave, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class LoginText:
    """A text of a step."""

    pieces: tuple[str | SecretText | TakenText, ...] = field(repr=False)

    @property
    def uses(self) -> tuple[str, ...]:
        """The names of what it takes from earlier steps."""
        return tuple(piece.name for piece in self.pieces if isinstance(piece, TakenText))


@dataclass(frozen=True, slots=True)
class JsonConstant:
    """A JSON value that is neither text nor a container, as JSON: ``1`` and ``true`` are equal in Python."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JsonItems:
    """A JSON array."""

    items: tuple[JsonBody, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class JsonMembers:
    """A JSON object."""

    members: tuple[tuple[str, JsonBody], ...] = field(repr=False)


JsonBody: TypeAlias = "LoginText | JsonConstant | JsonItems | JsonMembers"
TextFields: TypeAlias = tuple[tuple[str, LoginText], ...]


@dataclass(frozen=True, slots=True)
class FormBody:
    """The fields of a form."""

    fields: TextFields = field(repr=False)


@dataclass(frozen=True, slots=True)
class BasicLogin:
    """User and password of a Basic header (RFC 7617)."""

    user: LoginText
    password: LoginText


@dataclass(frozen=True, slots=True)
class StepRequest:
    """The request of a step, or that of the logout.

    Attributes:
        headers: further header fields; they replace those that the body implies.
        body: a form, JSON, or None.
    """

    method: str
    url: str = field(repr=False)
    headers: TextFields = field(default=(), repr=False)
    basic: BasicLogin | None = None
    body: FormBody | LoginText | JsonConstant | JsonItems | JsonMembers | None = None

    def texts(self) -> Iterator[LoginText]:
        """Yield all texts in it."""
        yield from (text for _, text in self.headers)
        if self.basic is not None:
            yield from (self.basic.user, self.basic.password)
        match self.body:
            case FormBody(fields):
                yield from (text for _, text in fields)
            case None:
                pass
            case json:
                yield from json_texts(json)


def json_texts(body: JsonBody) -> Iterator[LoginText]:
    """Yield the texts in a JSON body."""
    match body:
        case LoginText():
            yield body
        case JsonItems(items):
            for item in items:
                yield from json_texts(item)
        case JsonMembers(members):
            for _, member in members:
                yield from json_texts(member)
        case JsonConstant():
            pass


@dataclass(frozen=True, slots=True)
class LoginSuccess:
    """What an answer must look like for its step to have succeeded; all that is given counts.

    Attributes:
        statuses: None for any of the 2xx class.
        content_type: the media type, without parameters; empty for any.
        location: the path that a redirect leads to, with ``*`` at the end for what begins so; empty for any.
        fields: header fields and their values.
        json: conditions on the document in the body.
    """

    statuses: frozenset[int] | None = None
    content_type: str = ""
    location: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    json: tuple[JsonCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginStep:
    """One step of a login.

    Attributes:
        takes: what its answer gives, by name, and where each is found.
    """

    request: StepRequest
    success: LoginSuccess = LoginSuccess()
    takes: tuple[tuple[str, Pick], ...] = ()


@dataclass(frozen=True, slots=True)
class StatedLife:
    """Where an answer states how long the credential lives."""

    pick: Pick
    unit: LifeUnit


@dataclass(frozen=True, slots=True)
class LoginPace:
    """How many logins there may be within any time of this length."""

    logins: int
    within_s: float


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How to log in, and out.

    Attributes:
        steps: in turn. What they take is the credential; a later one may replace what an earlier one took.
        lifetime: as a step's answer states it, or in seconds; None if only cookies and JWTs state one.
        logout: the request that ends a session; None if none does.
        is_rolling: upstreams renew the credential's cookies in their answers.
        pace: None for no limit but that of all token requests.
    """

    steps: tuple[LoginStep, ...]
    lifetime: StatedLife | float | None = None
    logout: StepRequest | None = None
    is_rolling: bool = False
    pace: LoginPace | None = None

    @property
    def cookies(self) -> tuple[tuple[str, str], ...]:
        """The parts that are cookies: the name of the part, and that of the cookie."""
        taken = dict(take for step in self.steps for take in step.takes)
        return tuple((part, pick.name) for part, pick in taken.items() if isinstance(pick, FromCookie))
