"""The keys of `login`: its steps, what they take, and the logout."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from gateway.config.problems import Wrong
from gateway.config.values.key_types import (
    AnswerFields,
    Flag,
    FormName,
    JsonConditions,
    JsonContent,
    LoginRate,
    MediaType,
    Method,
    ParameterValue,
    RedirectPath,
    ServerUrl,
    StatusCodes,
    StepFields,
    TakenName,
    Text,
)
from gateway.config.values.pick_model import Lifetime, Place
from gateway.config.values.strict import Strict, flag, optional, required

MOST_STEPS: Final = 10


class BasicModel(Strict):
    """User and password for a Basic header (RFC 7617)."""

    user: Text = Field(repr=False, description="The user.")
    password: Text = Field(repr=False, description="The password, best as ${file:/path} or ${env:NAME}.")


class LoginRequestModel(Strict):
    """A request to the server of a login."""

    url: ServerUrl = required("Where it goes. It must hold no secret, since URLs are logged.")
    method: Method | None = optional("Its method; by default POST with a body, else GET.")
    headers: StepFields | None = Field(default=None, repr=False, description="Its header fields.")
    basic: BasicModel | None = optional("Sends user and password in a Basic header.")
    form: dict[FormName, ParameterValue] | None = Field(
        default=None, repr=False, description="Its body, as a form."
    )
    json_body: JsonContent | None = Field(
        default=None, repr=False, description="Its body, as JSON: a mapping, a list or a value.", alias="json"
    )


class SuccessModel(Strict):
    """What the answer must look like; all that is written here counts."""

    status: StatusCodes | None = optional("Its status code, or a list; by default any of 200 to 299.")
    content_type: MediaType | None = optional("Its media type, as in application/json.")
    location: RedirectPath | None = optional(
        "Where it redirects to: a path with all below it; /app* for all that begins so; / for the root alone."
    )
    header: AnswerFields | None = optional("Header fields and their values.")
    json_body: JsonConditions | None = optional(
        "JSON pointers and what must stand there: a value, a list of values, absent or present.", alias="json"
    )


class LoginStepModel(LoginRequestModel):
    """A step of a login."""

    success: SuccessModel | None = optional("When it has succeeded; by default with any 2xx status code.")
    take: dict[TakenName, Place] | None = optional(
        "What its answer gives, by name: a JSON pointer, or another place. Later steps have it as "
        "${taken:NAME}; at the end it is the credential: `token`, and its other parts."
    )


class LogoutModel(LoginRequestModel):
    """The request that ends a session; cookies of the credential go along."""


def _few_steps(steps: list[LoginStepModel]) -> list[LoginStepModel]:
    if len(steps) > MOST_STEPS:
        raise Wrong(f"a login has at most {MOST_STEPS} steps")
    return steps


class LoginModel(Strict):
    """How to obtain a credential from a server that does not speak OAuth."""

    steps: Annotated[list[LoginStepModel], Field(min_length=1), AfterValidator(_few_steps)] = required(
        "The requests to make, in turn. Cookies that one sets are sent with the next to the same server."
    )
    lifetime: Lifetime | None = optional(
        "How long the credential lives: a duration, or where an answer states it; by default what its "
        "cookies or a JWT say, else `default_lifetime`."
    )
    logout: LogoutModel | None = optional("Ends a session that is replaced, or still open at the end.")
    rolling: Flag = flag("Take the credential's cookies anew whenever an upstream sets them.")
    max_logins: LoginRate | None = optional("The most logins within a time, as in 6/m or 10/5m.")
