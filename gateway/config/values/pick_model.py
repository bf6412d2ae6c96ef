"""Keys that say where an answer has something: a JSON pointer, or a mapping that names another place."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import BeforeValidator, model_validator

from gateway.config.problems import Wrong, any_of
from gateway.config.values.key_types import (
    CookieName,
    Duration,
    Flag,
    LifeUnitWord,
    Pointer,
    ResponseField,
    Text,
)
from gateway.config.values.strict import Strict, flag, given, optional
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    FromPage,
    Pick,
)

_MAKERS: Final = {
    "pointer": FromJson,
    "header": FromField,
    "cookie": FromCookie,
    "form": FromForm,
    "line": FromLine,
    "page": FromPage,
}
_PLACES: Final = any_of(("json", "header", "cookie", "form", "line", "page", "body: true"))
_ONE: Final = (
    f"expected exactly one of {_PLACES}; a text instead of the mapping is a JSON pointer: /data/token"
)


class PickModel(Strict):
    """Where an answer has a text. A text alone is a JSON pointer."""

    pointer: Pointer | None = optional("The JSON pointer to it, as in /data/token (RFC 6901).", alias="json")
    header: ResponseField | None = optional("The header field that has it.")
    cookie: CookieName | None = optional("The cookie that has it.")
    form: Text | None = optional("The field of a form-encoded body that has it.")
    line: Text | None = optional("The name before it on a line of a text body: NAME=... or NAME: ...")
    page: Text | None = optional("The name of the input, or of the meta element, of a web page that has it.")
    body: Flag = flag("It is the whole body, as text.")

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: object) -> object:
        return {"json": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if self._is_ambiguous():
            raise Wrong(_ONE)
        return self

    def _is_ambiguous(self) -> bool:
        return len(self.picks) != 1

    @property
    def picks(self) -> tuple[Pick, ...]:
        """The places that are named: one, if this is valid."""
        named = (_MAKERS[key](name) for key, name in given(self, *_MAKERS).items())
        return (*named, FromBody()) if self.body else tuple(named)


class LifetimeModel(PickModel):
    """How long something lives: a duration, or where an answer states it."""

    fixed_s: Duration | None = optional("A fixed duration; a text alone is one, too.", alias="fixed")
    unit: LifeUnitWord | None = optional(
        "What is stated there: ms, s, m or h for a duration, or the instant when it ends.",
        "s",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, value: object) -> object:
        if isinstance(value, str):
            return {"json" if value.startswith("/") else "fixed": value}
        return {"fixed": value} if isinstance(value, int | float) else value

    def _is_ambiguous(self) -> bool:
        return len(self.picks) + (self.fixed_s is not None) != 1


def _as_it_is(value: object) -> object:
    return value


Place = Annotated[PickModel, BeforeValidator(_as_it_is, json_schema_input_type=Pointer | PickModel)]
Lifetime = Annotated[
    LifetimeModel, BeforeValidator(_as_it_is, json_schema_input_type=Duration | Pointer | LifetimeModel)
]
