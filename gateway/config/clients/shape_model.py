"""The keys of `request` and `answer`: token requests of other shapes than OAuth's, and answers to them."""

from __future__ import annotations

from pydantic import Field

from gateway.config.clients.login_model import SuccessModel
from gateway.config.values.key_types import (
    BodyFormatWord,
    FormName,
    OwnFieldWord,
    OwnFieldWords,
    ParameterValue,
    RequestMethodWord,
    TakenName,
    Text,
)
from gateway.config.values.pick_model import Lifetime, Place
from gateway.config.values.strict import Strict, optional


class TokenRequestModel(Strict):
    """What the token request looks like, where a server has a shape of its own for it."""

    method: RequestMethodWord | None = optional(
        "Its method; with GET all its fields are in the query.", "POST"
    )
    format: BodyFormatWord | None = optional("How its fields are written in the body.", "form")
    query: dict[FormName, ParameterValue] | None = Field(
        default=None, repr=False, description="What is added to the query of the token_endpoint."
    )
    rename: dict[OwnFieldWord, Text] | None = optional(
        "Other names for the fields that the gateway sets, as in {client_id: appKey}."
    )
    omit: OwnFieldWords | None = optional("Fields that the gateway would set and the server does not want.")


class TokenAnswerModel(Strict):
    """Where the answer has the token and what belongs to it; each left out is where RFC 6749 has it."""

    token: Place | None = optional("Where the token is: a JSON pointer, or another place.")
    lifetime: Lifetime | None = optional(
        "How long the token lives: a duration, or where the answer states it."
    )
    token_type: Place | None = optional("Where the type of the token is.", alias="type")
    scope: Place | None = optional("Where the granted scope is.")
    success: SuccessModel | None = optional(
        "What the answer looks like if there is a token in it; by default any 2xx without an `error`."
    )
    take: dict[TakenName, Place] | None = optional(
        "What else is taken from the answer, by name: further parts of the credential, for `send`."
    )
