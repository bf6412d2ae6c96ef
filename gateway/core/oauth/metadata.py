"""An authorization server's metadata: bytes in, endpoints out (RFC 8414, OpenID Connect Discovery 1.0).

Rules:

- Metadata may be at two URLs, tried in this order: RFC 8414 section 3 inserts its well-known part between
  host and path, OpenID Connect Discovery section 4 appends its own to the path.
- The ``issuer`` in the document must equal the configured one, character for character (RFC 8414 section
  3.3): otherwise another server could answer in its name. For the same reason redirects are not followed.
- An endpoint counts only if credentials may be sent there (`server_url`).
- Clients that present a certificate prefer ``mtls_endpoint_aliases`` (RFC 8705 section 5).
- A member of the wrong type counts as absent; unknown members are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.core.oauth.server_answer import ServerAnswer, is_transient_status
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.text.json_object import JsonObject
from gateway.core.text.server_url import may_be_asked

LIFETIME_S: Final = 3600.0
"""How long metadata is valid that does not say so itself; servers say an hour to a day."""
SHORTEST_LIFETIME_S: Final = 300.0
LONGEST_LIFETIME_S: Final = 24 * 3600.0

_OAUTH: Final = "/.well-known/oauth-authorization-server"
_OPENID: Final = "/.well-known/openid-configuration"
_MAX_AGE: Final = re.compile(r"(?:^|[ ,])max-age=\"?(?P<seconds>[0-9]{1,9})\"?(?:$|[ ,])", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z0-9:/._+-]{1,100}")
_MOST_WORDS: Final = 100

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """The members of an authorization server's metadata that are used here; None where one is absent.

    Attributes:
        token_endpoint, revocation_endpoint, introspection_endpoint: for clients without a certificate.
        aliases: the same by name, for clients that present one.
        lifetime_s: how long this is valid.
    """

    issuer: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    aliases: Mapping[str, str] | None = None
    auth_methods: Words | None = None
    signing_algorithms: Words | None = None
    grant_types: Words | None = None
    dpop_algorithms: Words | None = None
    lifetime_s: float = LIFETIME_S

    def token_endpoint_for(self, *, shows_certificate: bool) -> str:
        """Return where tokens are requested."""
        alias = (self.aliases or {}).get("token_endpoint") if shows_certificate else None
        return alias or self.token_endpoint

    def revocation_endpoint_for(self, *, shows_certificate: bool) -> str | None:
        """Return where tokens are revoked, or None if the server names no such endpoint."""
        alias = (self.aliases or {}).get("revocation_endpoint") if shows_certificate else None
        return alias or self.revocation_endpoint

    def introspection_endpoint_for(self, *, shows_certificate: bool) -> str | None:
        """Return where tokens are introspected (RFC 7662), or None if the server names no such endpoint."""
        alias = (self.aliases or {}).get("introspection_endpoint") if shows_certificate else None
        return alias or self.introspection_endpoint


@dataclass(frozen=True, slots=True)
class Look:
    """One URL that was asked for metadata.

    Attributes:
        said_issuer: the issuer that the document names; foreign text.
    """

    url: str
    found: ServerMetadata | Failed
    status: int | None = None
    said_issuer: str = ""


def metadata_places(issuer: str) -> tuple[str, ...]:
    """Return the URLs at which an issuer's metadata may be, in the order in which they are tried."""
    scheme, _, rest = issuer.partition("://")
    host, slash, path = rest.partition("/")
    path = (slash + path).rstrip("/")
    return f"{scheme}://{host}{_OAUTH}{path}", f"{scheme}://{host}{path}{_OPENID}"


def read_metadata(
    answer: ServerAnswer, issuer: str, wall_now_s: float, *, allows_insecure: bool
) -> ServerMetadata | Failed:
    """Read the metadata in the answer from one of the URLs, or say why there is none."""
    if is_transient_status(answer.status):
        reason = f"the issuer answered {answer.status} when asked for its metadata"
        return Failed(FailureKind.UNREACHABLE, reason, retry_after_s=answer.retry_after_s(wall_now_s))
    document = answer.document() if answer.status == 200 else None
    if document is None:
        return Failed(FailureKind.INVALID, f"the issuer publishes no metadata: {_instead(answer)}")
    if document.get("issuer") != issuer:
        return Failed(FailureKind.INVALID, "the issuer's metadata names another issuer")
    endpoint = document.get("token_endpoint")
    if not may_be_asked(endpoint, issuer, allows_insecure=allows_insecure):
        return Failed(FailureKind.INVALID, f"the issuer's metadata has {_flaw(endpoint)}")
    assert isinstance(endpoint, str)
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=endpoint,
        revocation_endpoint=_endpoint(
            document, "revocation_endpoint", issuer, allows_insecure=allows_insecure
        ),
        introspection_endpoint=_endpoint(
            document, "introspection_endpoint", issuer, allows_insecure=allows_insecure
        ),
        aliases=_aliases(document, issuer, allows_insecure=allows_insecure),
        auth_methods=_words(document, "token_endpoint_auth_methods_supported"),
        signing_algorithms=_words(document, "token_endpoint_auth_signing_alg_values_supported"),
        grant_types=_words(document, "grant_types_supported"),
        dpop_algorithms=_words(document, "dpop_signing_alg_values_supported"),
        lifetime_s=metadata_lifetime_s(answer.header("cache-control")),
    )


def may_have_moved(failed: Failed) -> bool:
    """Whether the endpoint may have moved: what answered, if anything did, was not an OAuth endpoint.

    An endpoint that asks for time has not moved.
    """
    return not failed.code and failed.retry_after_s is None and failed.status != 429


def said_issuer(answer: ServerAnswer) -> str:
    """Return the issuer that an answer names, which is foreign text, or an empty string."""
    named = (answer.document() or {}).get("issuer")
    return named if isinstance(named, str) else ""


def metadata_lifetime_s(cache_control: str) -> float:
    """Return how long metadata is valid: its ``max-age`` (RFC 9111 section 5.2.2.1), within bounds."""
    found = _MAX_AGE.search(cache_control)
    stated_s = LIFETIME_S if found is None else float(found["seconds"])
    return min(max(stated_s, SHORTEST_LIFETIME_S), LONGEST_LIFETIME_S)


def _instead(answer: ServerAnswer) -> str:
    return f"it answered {answer.status}" if answer.status != 200 else "its answer is not a JSON object"


def _flaw(endpoint: object) -> str:
    if endpoint is None:
        return "no token_endpoint"
    return (
        "a token_endpoint that credentials may not be sent to: "
        "it is not an https:// URL, or has a user or a fragment"
    )


def _endpoint(document: JsonObject, name: str, issuer: str, *, allows_insecure: bool) -> str | None:
    url = document.get(name)
    is_good = isinstance(url, str) and may_be_asked(url, issuer, allows_insecure=allows_insecure)
    return url if is_good else None


def _aliases(document: JsonObject, issuer: str, *, allows_insecure: bool) -> dict[str, str]:
    aliases = document.get("mtls_endpoint_aliases")
    if not isinstance(aliases, dict):
        return {}
    names = ("token_endpoint", "revocation_endpoint", "introspection_endpoint")
    found = {name: _endpoint(aliases, name, issuer, allows_insecure=allows_insecure) for name in names}
    return {name: url for name, url in found.items() if url is not None}


def _words(document: JsonObject, name: str) -> Words | None:
    words = document.get(name)
    if not isinstance(words, list):
        return None
    known = [word for word in words if isinstance(word, str) and _WORD.fullmatch(word)]
    return tuple(known[:_MOST_WORDS])
