"""The key `send` of clients and routes: where the credential goes, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.config.problems import Wrong
from gateway.config.values.carrier_names import (
    credential_cookie,
    credential_field,
    credential_parameter,
    field_prefix,
    part_name,
)
from gateway.config.values.key_types import one_or_many_with_keys
from gateway.config.values.strict import Strict, optional
from gateway.core.settings.carriers import MAIN_PART


class SendModel(Strict):
    """One place where the credential goes: a header field, a query parameter or a cookie."""

    header: Annotated[str, AfterValidator(credential_field)] | None = optional("The name of a header field.")
    prefix: Annotated[str, AfterValidator(field_prefix)] | None = optional(
        "What precedes the value in the header field. By default nothing; in Authorization the type of the "
        "token, as in `Bearer `."
    )
    query: Annotated[str, AfterValidator(credential_parameter)] | None = optional(
        "The name of a query parameter."
    )
    cookie: Annotated[str, AfterValidator(credential_cookie)] | None = optional("The name of a cookie.")
    part: Annotated[str, AfterValidator(part_name)] | None = optional(
        "The part of the credential that goes there.", MAIN_PART
    )

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if sum(name is not None for name in self._places().values()) != 1:
            raise Wrong("write one of header, query and cookie: each item is one place")
        return self

    def place(self) -> tuple[str, str]:
        """Return the key that names the place, and the name."""
        return next((key, name) for key, name in self._places().items() if name is not None)

    def _places(self) -> dict[str, str | None]:
        return {"header": self.header, "query": self.query, "cookie": self.cookie}


Send = Annotated[
    list[SendModel],
    Field(min_length=1),
    BeforeValidator(one_or_many_with_keys, json_schema_input_type=SendModel | list[SendModel]),
]
