"""The key `rewrite` of a route, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

from gateway.config.problems import Wrong
from gateway.config.values import patterns
from gateway.config.values.filled import reader_of_filled
from gateway.config.values.key_types import Flag
from gateway.config.values.strict import Strict, flag, flag_on, optional
from gateway.core.settings.rewrite_settings import CookieDomain, RewriteSettings

_DOMAINS: Final = {False: CookieDomain.KEEP, True: CookieDomain.CALLER, "remove": CookieDomain.REMOVE}


def _cookie_domain(value: object) -> CookieDomain:
    if isinstance(value, bool | str) and value in _DOMAINS:
        return _DOMAINS[value]
    raise Wrong("expected true, false or remove")


CookieDomainWord = Annotated[
    CookieDomain,
    PlainValidator(reader_of_filled(_cookie_domain)),
    WithJsonSchema(
        {"anyOf": [{"enum": [*_DOMAINS]}, {"type": "string", "pattern": patterns.REFERENCES}]},
    ),
]


class RewriteModel(Strict):
    """What of the upstream's responses is rewritten into the route."""

    location: Flag = flag_on("Location and Content-Location that name the upstream itself.")
    cookie_path: Flag = flag("The Path of cookies that the upstream sets.")
    cookie_domain: CookieDomainWord | None = optional(
        "The Domain of cookies that is the upstream's: true writes the host that the caller used, remove "
        "leaves it out.",
        False,
    )


def rewrite_settings(model: RewriteModel | None) -> RewriteSettings:
    """Build what is rewritten."""
    if model is None:
        return RewriteSettings()
    return RewriteSettings(model.location, model.cookie_path, model.cookie_domain or CookieDomain.KEEP)
