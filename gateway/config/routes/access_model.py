"""The key `access` of a route, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from gateway.config.problems import Wrong
from gateway.config.values.key_types import (
    AccessWord,
    CallerClaim,
    ClaimValues,
    OpenAccess,
    Scope,
    Text,
    TimeZone,
    WeekHours,
    one_or_many,
)
from gateway.config.values.strict import Strict, optional, required

_EXPECTED: Final = "expected anyone, or a list of entries such as - caller: staff"


class AccessEntryModel(Strict):
    """One way in; all that it says must hold."""

    caller: Annotated[
        list[Text],
        Field(min_length=1),
        BeforeValidator(one_or_many, json_schema_input_type=Text | list[Text]),
    ] = required("A name under `callers`; of a list, the caller must be known in every way.")
    scope: Scope | None = optional("What the caller must have been granted.")
    claims: dict[CallerClaim, ClaimValues] | None = optional(
        "What is known of the caller: for each claim, a value or a list of those that are accepted."
    )
    hours: WeekHours | None = optional("When: Mon-Fri 08:00-18:00, or a list of such times.")
    zone: TimeZone | None = optional("The time zone that `hours` are in: Europe/Berlin, UTC.")


def _anyone_or_entries(value: object, entries: ValidatorFunctionWrapHandler) -> object:
    if isinstance(value, str):
        if value == OpenAccess.ANYONE.value:
            return OpenAccess.ANYONE
        raise Wrong(_EXPECTED)
    return entries(value)


Access = Annotated[
    Annotated[list[AccessEntryModel], Field(min_length=1)],
    WrapValidator(_anyone_or_entries, json_schema_input_type=AccessWord | list[AccessEntryModel]),
]
