"""The errors of access: who a caller is, and what it may do. Branches of the tree in `core.errors`.

::

    CallerError
    └── AccessError              the request was not forwarded, and no token was touched
        ├── CredentialMissing    401  the route needs a credential, and the request presents none
        ├── CredentialInvalid    401  the one it presents is not valid
        ├── TooManyFailures      429  too many credentials from there were wrong
        ├── ScopeInsufficient    403  the caller is known, but its scope is not enough
        ├── CallerNotAllowed     403  the caller is known, or is elsewhere, and the route is not for it
        ├── RateExceeded         429  the caller sends too many requests
        └── CallerTunnelsExceeded 429 the caller has too many tunnels
    Overloaded
    ├── CapacityExceeded         503  all callers of the route together send too many requests
    ├── TunnelsExceeded          503  all callers together have too many tunnels
    └── CallersTooMany           503  too many are to be verified that nobody knows yet
    GatewayError
    └── VerificationError        503  nobody can be verified in this way now
        ├── CallerUnverifiable   an authorization server is needed for it, and is not there
        └── CallerFileUnusable   a file of ours is

A 401 carries a challenge for each way in (RFC 9110 section 11.6.1, RFC 6750 section 3).
"""

from __future__ import annotations

from gateway.core.errors import CallerError, GatewayError, Overloaded, Side


class AccessError(CallerError):
    """The caller may not use the route, as far as can be told."""

    proxy_error = "http_request_denied"


class CredentialMissing(AccessError):
    """The route needs a credential, and the request presents none (RFC 6750 section 3.1: no error code)."""

    code, status, title = "credential_missing", 401, "The request presents no credential"


class CredentialInvalid(AccessError):
    """The credential is unknown, expired, withdrawn, or not what the route takes."""

    code, status, title = "credential_invalid", 401, "The credential is not valid"


class TooManyFailures(AccessError):
    """So many credentials from this network were wrong that no new one is looked at for now."""

    code, status, title = "too_many_failures", 429, "Too many credentials from there were wrong"


class ScopeInsufficient(AccessError):
    """The caller is known, but was not granted the scope that the route needs."""

    code, status, title = "scope_insufficient", 403, "The caller's scope is not enough"


class CallerNotAllowed(AccessError):
    """The route is not for this caller, or not for callers from there."""

    code, status, title = "caller_not_allowed", 403, "The route does not serve this caller"


class RateExceeded(AccessError):
    """The caller's own quota is used up (RFC 6585 section 4)."""

    code, status, title = "rate_exceeded", 429, "Too many requests"


class CallerTunnelsExceeded(AccessError):
    """The caller has as many tunnels as ``limits.tunnels_per_caller`` allows."""

    code, status, title = "too_many_tunnels_of_caller", 429, "The caller has too many tunnels"


class TunnelsExceeded(Overloaded):
    """Callers have as many tunnels as ``limits.tunnels`` allows."""

    code, status, title = "too_many_tunnels", 503, "The gateway has too many tunnels"


class CapacityExceeded(Overloaded):
    """The route serves as many requests as its ``limits`` allow, whoever sends them."""

    code, status, title = "capacity_exceeded", 503, "The route has no room for the request"


class VerificationError(GatewayError):
    """The caller cannot be verified now, through no fault of its own; nothing was forwarded."""


class CallerUnverifiable(VerificationError):
    """The authorization server that vouches for the caller cannot be asked, or its keys cannot be had."""

    code, status, title = "caller_unverifiable", 503, "The caller cannot be verified now"
    side = Side.AUTHORIZATION_SERVER
    proxy_error = "destination_unavailable"


class CallerFileUnusable(VerificationError):
    """A file of ours that callers are verified by is missing or unusable."""

    code, status, title = "caller_file_unusable", 503, "A file by which callers are verified cannot be used"
    side = Side.GATEWAY
    proxy_error = "proxy_configuration_error"


class CallersTooMany(Overloaded):
    """More callers than can be verified at once come for the first time; those who are known go on."""

    code, status, title = "too_many_new_callers", 503, "Too many new callers are to be verified"
