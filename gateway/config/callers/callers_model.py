"""The keys of `callers`, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.config.values.key_types import CallerNetwork, CredentialField, FilePath, one_or_many
from gateway.config.values.strict import Strict, optional, required


class ApiKeyModel(Strict):
    """Callers send a key of ours in a header field."""

    file: FilePath = required("The TOML file with the SHA-256 of each key; see `gateway key new`.")
    header: CredentialField | None = optional("The field that the key is in.", "X-API-Key")


class WayModel(Strict):
    """One way to know a caller: exactly one of these keys."""

    api_key: ApiKeyModel | None = optional("By a key of ours that the caller sends.")
    network: (
        Annotated[
            list[CallerNetwork],
            Field(min_length=1),
            BeforeValidator(one_or_many, json_schema_input_type=CallerNetwork | list[CallerNetwork]),
        ]
        | None
    ) = optional("By its address: networks or addresses.")
