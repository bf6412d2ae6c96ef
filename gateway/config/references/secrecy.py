"""Which references may hold a secret: their values are never shown, wherever they occur.

Rules: any reference may, unless the value of its key is public: an address, a host, a path, a number, a
duration. In a URL, only what follows the host may be secret, since API keys in paths and queries are common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.config.problems import Loc
from gateway.config.template import Reference, Taken, Template

_OPEN: Final = frozenset(
    {
        "address",
        "admin",
        "assertion_audience",
        "assertion_subject",
        "audience",
        "ca",
        "certificate",
        "client",
        "client_id",
        "host",
        "instances",
        "issuer",
        "kid",
        "listen",
        "methods",
        "no_proxy",
        "path",
        "resource",
        "scope",
        "server_name",
        "trusted_proxies",
    }
)
_NOT_TEXT: Final = frozenset(
    {
        "allow_foreign_pages",
        "after",
        "allow_insecure",
        "assertion_lifetime",
        "at_most",
        "backup",
        "body",
        "budget",
        "burst",
        "cache",
        "close_timeout",
        "credentials",
        "default_lifetime",
        "dpop_allow_bearer",
        "dpop_bound_access_tokens",
        "eject",
        "every",
        "expect",
        "fall",
        "fixed",
        "for",
        "grace",
        "half_close",
        "idle",
        "in_flight",
        "legacy_unencoded",
        "lifetime",
        "max_age",
        "length",
        "max_body",
        "max_logins",
        "max_requests",
        "preserve_host",
        "publish_ahead",
        "recover_on",
        "require_close_notify",
        "required",
        "resolve",
        "retry",
        "revoke",
        "rise",
        "rolling",
        "status",
        "strip_prefix",
        "timeout",
        "tunnels",
        "tunnels_per_caller",
        "websocket",
        "tls_client_certificate_bound_access_tokens",
        "tries",
        "workers",
        "unit",
        "weight",
    }
)
"""Keys of numbers, sizes, durations, and of what is true or false."""
_PUBLIC: Final = _OPEN | _NOT_TEXT
_URLS: Final = frozenset({"upstream", "token_endpoint", "revocation_endpoint", "url", "addresses"})
_OWNERS: Final = frozenset(
    {"parameters", "headers", "token_headers", "assertion_claims", "basic", "form", "json"}
)
"""The owner chooses the names below these keys, so their values may be anything."""


_CREDENTIALS: Final = frozenset({"client_secret", "private_key", "client_assertion", "dpop_private_key"})


def is_credential(loc: Loc) -> bool:
    """Whether this is a credential or a key of ours, whose file is read again when it is replaced."""
    return (
        loc == ("identity_jwt", "key")
        or (len(loc) > 2 and loc[0] == "clients" and loc[2] in _CREDENTIALS)
        or is_in_login(loc)
    )


def is_in_login(loc: Loc) -> bool:
    """Whether this is a part of a client's login."""
    return loc[:1] == ("clients",) and loc[2:3] == ("login",)


def may_be_secret(loc: Loc, template: Template, look_up: Callable[[Reference], str]) -> Iterator[str]:
    """Yield the values, or parts of them, that the references at `loc` give and that may be secret."""
    keys = [part for part in loc if isinstance(part, str)]
    if keys[0] == "limits" or keys[-2:-1] in (["timeouts"], ["rewrite"]):
        return  # sections of numbers, or of what is true or false, alone
    if not _OWNERS.isdisjoint(keys) or keys[-2:-1] == ["query"]:
        yield from map(look_up, template.references)
    elif keys[-1] in _URLS:
        yield from _behind_host(template, look_up)
    elif keys[-1] not in _PUBLIC and keys[-2:] != ["tls", "key"]:
        yield from map(look_up, template.references)


def _behind_host(template: Template, look_up: Callable[[Reference], str]) -> Iterator[str]:
    host_ends, position = _end_of_host(template.fill(look_up)), 0
    for part in template.parts:
        text = part if isinstance(part, str) else str(part) if isinstance(part, Taken) else look_up(part)
        if not isinstance(part, str | Taken) and position + len(text) > host_ends:
            yield text[max(0, host_ends - position) :]
        position += len(text)


def _end_of_host(url: str) -> int:
    if url.startswith("unix:"):
        return len(url)
    begins = url.find("://") + len("://") if "://" in url else 0
    return min((at for sign in "/?#" if (at := url.find(sign, begins)) >= 0), default=len(url))
