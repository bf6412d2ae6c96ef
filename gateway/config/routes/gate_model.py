"""The keys `limits`, `cors` and `identity_jwt` of a route, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.values.carrier_names import field_prefix, identity_field
from gateway.config.values.key_types import (
    Audience,
    Duration,
    Flag,
    IdentityClaim,
    InFlight,
    LimitKeyWord,
    LimitName,
    Origin,
    RequestField,
    RequestRate,
    ResponseField,
    one_or_many,
)
from gateway.config.values.strict import Strict, flag, optional, required


class LimitModel(Strict):
    """A limit on the requests of a route: a rate, or how many at the same time."""

    name: LimitName = required("Its name in RateLimit fields.")
    rate: RequestRate | None = optional("A number of requests and a time: 100/m.")
    burst: InFlight | None = optional("How many of them may come at once; by default the whole number.")
    in_flight: InFlight | None = optional("How many requests at the same time.")
    by: LimitKeyWord | None = optional(
        "Whose requests are counted together: those of a caller, a network or the route. By default caller "
        "for a rate, route for in_flight."
    )


class CorsModel(Strict):
    """Which pages of other origins may use the route in a browser."""

    origins: Annotated[
        list[Origin],
        Field(min_length=1),
        BeforeValidator(one_or_many, json_schema_input_type=Origin | list[Origin]),
    ] = required("Origins such as https://app.example.com, or * for any.")
    credentials: Flag = flag("Pages may send cookies, and what else the browser knows of the caller.")
    max_age: Duration | None = optional("How long a browser may remember the permission.", "10m")
    headers: list[RequestField] | None = optional("Request fields that pages may set; what they ask for.")
    expose: list[ResponseField] | None = optional("Response fields that pages may read.")


class IdentityJwtModel(Strict):
    """A JWT, signed by the gateway, that tells the upstream who calls."""

    header: Annotated[str, AfterValidator(identity_field)] = required("The field that the JWT is in.")
    prefix: Annotated[str, AfterValidator(field_prefix)] | None = optional(
        "What precedes the JWT in the field. By default nothing; `Bearer ` in Authorization."
    )
    audience: Annotated[Audience, Field(min_length=1)] = required("Its `aud`: the name of the upstream.")
    claims: Annotated[list[IdentityClaim], Field(min_length=1)] | None = optional(
        "Names of claims of the caller that are passed on; scope is what it was granted."
    )
