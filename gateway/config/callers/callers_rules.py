"""What must fit together in the ways to know a caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.callers.callers_model import JwtModel, WayModel
from gateway.config.problems import Loc, Mistake, Wrong, any_of
from gateway.config.values.urls import issuer
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.text.server_url import is_loopback

_OPEN_KEYS: Final = (
    "whoever is on the way could replace the keys that callers are verified by: use https://, or write "
    "allow_insecure: true if that is intended"
)
_NOTHING_FETCHED: Final = "has no effect beside `keys`: nothing is fetched then"
_OF_FETCHING: Final = (
    ("jwks_uri", "jwks_uri"),
    ("timeout", "timeout_s"),
    ("tls", "tls"),
    ("allow_insecure", "allow_insecure"),
)
_NO_PATTERN: Final = "says nothing of whose certificates: expected uri, dns or subject"
_KINDS: Final = tuple(WayModel.model_fields)


def callers_findings(callers: Mapping[str, WayModel | None], wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield each way that says nothing, or two things."""
    for name, way in callers.items():
        loc: Loc = ("callers", name)
        if way is None or any(loc == place[: len(loc)] for place in wrong):
            continue
        if way.certificate is not None and not way.certificate.model_fields_set:
            yield Mistake((*loc, "certificate"), _NO_PATTERN)
        if way.jwt is not None:
            yield from _jwt_findings((*loc, "jwt"), way.jwt)
        kinds = [kind for kind in _KINDS if kind in way.model_fields_set]
        if not kinds:
            yield Mistake(loc, f"says nothing of how callers are known: expected {any_of(_KINDS)}")
        for kind in kinds[1:]:
            words = f"this name has its way already, {kinds[0]}: write the other one under a name of its own"
            yield Mistake((*loc, kind), words, is_about_key=True)


def _jwt_findings(loc: Loc, jwt: JwtModel) -> Iterator[Mistake]:
    if jwt.keys is not None:
        for key, name in _OF_FETCHING:
            if name in jwt.model_fields_set:
                yield Mistake((*loc, key), _NOTHING_FETCHED, is_about_key=True)
        return
    urls = [("jwks_uri", jwt.jwks_uri)] if jwt.jwks_uri is not None else []
    if jwt.jwks_uri is None:
        try:
            urls.append(("issuer", issuer(jwt.issuer)))
        except Wrong as wrong:
            yield Mistake((*loc, "issuer"), f"{wrong}, or add jwks_uri or keys")
    for key, url in urls:
        if url.scheme is Scheme.HTTP and not is_loopback(url.host) and not jwt.allow_insecure:
            yield Mistake((*loc, key), _OPEN_KEYS)
