"""Everything that can go wrong with a request, as one tree.

::

    GatewayError                 code, side, status, proxy_error, title
    ├── CallerError              the request itself; what concerns access is in `core.access_errors`
    ├── AuthorizationServerError no token could be obtained; never 401, which would blame the caller
    ├── UpstreamError            the exchange with the upstream
    │                            (in both, a file of ours may be at fault: then the side is the gateway)
    ├── Overloaded               the gateway has no room for it
    └── InternalError            a fault of ours

The kinds are in `gateway_error`, what is below them in a module for each.

Each class is one row of ``docs/errors.md`` (a test compares them). ``code`` ends the ``type`` of the problem
document (RFC 9457); ``proxy_error`` is a registered error type of ``Proxy-Status`` (RFC 9209 section 2.3). No
message contains a token, a secret, a body or text of another server.
"""

from __future__ import annotations

from gateway.core.errors.gateway_error import (
    TYPE_PREFIX,
    AuthorizationServerError,
    CallerError,
    GatewayError,
    InternalError,
    OutOfDescriptors,
    Overloaded,
    Side,
    TooManyConnections,
    UpstreamError,
)
from gateway.core.errors.of_callers import (
    AmbiguousPath,
    AuthorizationNotAllowed,
    BodyTooLarge,
    CallerGone,
    ExpectationFailed,
    ForeignPage,
    HeadTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    MethodUnsupported,
    NoRoute,
    QueryNotAllowed,
    RequestTimeout,
    TargetTooLong,
    TransferCodingUnsupported,
    UpgradeUnsupported,
    VersionUnsupported,
)
from gateway.core.errors.of_token_requests import (
    ClientFileUnusable,
    InstanceNotAllowed,
    TokenAnswerInvalid,
    TokenRefused,
    TokenTimeout,
    TokenUnavailable,
)
from gateway.core.errors.of_upstreams import (
    RouteFileUnusable,
    RouteTimeout,
    UpstreamAnswerIncomplete,
    UpstreamAnswerInvalid,
    UpstreamAnswerTooLarge,
    UpstreamClosed,
    UpstreamConnectTimeout,
    UpstreamNameUnresolved,
    UpstreamOverloaded,
    UpstreamProxyFailed,
    UpstreamProxyLeadsNowhere,
    UpstreamTimeout,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)

__all__ = [
    "TYPE_PREFIX",
    "AmbiguousPath",
    "AuthorizationNotAllowed",
    "AuthorizationServerError",
    "BodyTooLarge",
    "CallerError",
    "CallerGone",
    "ClientFileUnusable",
    "ExpectationFailed",
    "ForeignPage",
    "GatewayError",
    "HeadTooLarge",
    "InstanceNotAllowed",
    "InternalError",
    "MalformedRequest",
    "MethodNotAllowed",
    "MethodUnsupported",
    "NoRoute",
    "OutOfDescriptors",
    "Overloaded",
    "QueryNotAllowed",
    "RequestTimeout",
    "RouteFileUnusable",
    "RouteTimeout",
    "Side",
    "TargetTooLong",
    "TokenAnswerInvalid",
    "TokenRefused",
    "TokenTimeout",
    "TokenUnavailable",
    "TooManyConnections",
    "TransferCodingUnsupported",
    "UpgradeUnsupported",
    "UpstreamAnswerIncomplete",
    "UpstreamAnswerInvalid",
    "UpstreamAnswerTooLarge",
    "UpstreamClosed",
    "UpstreamConnectTimeout",
    "UpstreamError",
    "UpstreamNameUnresolved",
    "UpstreamOverloaded",
    "UpstreamProxyFailed",
    "UpstreamProxyLeadsNowhere",
    "UpstreamTimeout",
    "UpstreamTlsFailed",
    "UpstreamUnreachable",
    "VersionUnsupported",
]
