"""Everything that can go wrong with a request, as one tree.

::

    GatewayError                 code, side, status, proxy_error, title
    ├── CallerError              the request itself; what concerns access is in `core.access_errors`
    ├── AuthorizationServerError no token could be obtained; never 401, which would blame the caller
    ├── UpstreamError            the exchange with the upstream
    │                            (in both, a file of ours may be at fault: then the side is the gateway)
    ├── Overloaded               the gateway has no room for it
    └── InternalError            a fault of ours

Each class is one row of ``docs/errors.md`` (a test compares them). ``code`` ends the ``type`` of the problem
document (RFC 9457); ``proxy_error`` is a registered error type of ``Proxy-Status`` (RFC 9209 section 2.3). No
message contains a token, a secret, a body or text of another server.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final

from gateway.core.cause import Cause

TYPE_PREFIX: Final = "urn:gateway:error:"


class Side(Enum):
    """Whose fault it is."""

    CALLER = "caller"
    AUTHORIZATION_SERVER = "authorization server"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class GatewayError(Exception):
    """A failure whose response is decided.

    Attributes:
        detail: one sentence for the caller and the log, without secrets or foreign text.
        retry_after_s: whole seconds for ``Retry-After``, or None.
        closes: whether the connection of the caller must be closed after the response.
        allow: the methods for ``Allow`` (405 only).
        fields: further fields of the response, as a challenge; visible ASCII.
        cause: why, if the code alone does not say it.
        key: what to check in `gateway.yaml`, as ``clients.crm.tls.ca``; for an upstream, the part below its
            route; empty if unknown.
    """

    code: ClassVar[str]
    side: ClassVar[Side]
    status: ClassVar[int]
    proxy_error: ClassVar[str]
    title: ClassVar[str]
    closes: ClassVar[bool] = False
    usual_cause: ClassVar[Cause | None] = None

    def __init__(  # noqa: PLR0913 - keywords, most of them left out
        self,
        detail: str = "",
        *,
        retry_after_s: int | None = None,
        allow: tuple[str, ...] = (),
        fields: tuple[tuple[str, str], ...] = (),
        cause: Cause | None = None,
        key: str = "",
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.allow = allow
        self.fields = fields
        self.cause = cause or self.usual_cause
        self.key = key


class CallerError(GatewayError):
    """The request cannot be served as it is."""

    side = Side.CALLER
    proxy_error = "http_request_error"


class AuthorizationServerError(GatewayError):
    """No token could be obtained; nothing was forwarded (fail closed)."""

    side = Side.AUTHORIZATION_SERVER


class UpstreamError(GatewayError):
    """The exchange with the upstream failed."""

    side = Side.UPSTREAM


class InternalError(GatewayError):
    """A fault of the gateway itself."""

    code, status, title = "internal_error", 500, "The gateway failed"
    side = Side.GATEWAY
    proxy_error = "proxy_internal_error"
    closes = True


class Overloaded(GatewayError):
    """The gateway has no room for the request; nothing was sent."""

    side = Side.GATEWAY
    proxy_error = "connection_limit_reached"


class TooManyConnections(Overloaded):
    """Callers hold as many connections as ``limits.connections`` allows."""

    code, status, title = "too_many_connections", 503, "The gateway has too many connections"
    closes = True


class OutOfDescriptors(Overloaded):
    """The process may not open another file: it can neither accept nor make a connection."""

    code, status, title = "out_of_descriptors", 503, "The gateway is out of file descriptors"
    closes = True


# ── the caller ────────────────────────────────────────────────────────────────────────────────────


class MalformedRequest(CallerError):
    """The bytes are no request, or are ambiguous (RFC 9112)."""

    code, status, title = "malformed_request", 400, "The request is malformed"
    closes = True


class AmbiguousPath(CallerError):
    """Two servers could read the path differently."""

    code, status, title = "ambiguous_path", 400, "The path is ambiguous"


class QueryNotAllowed(CallerError):
    """The credential of the route is a query parameter, and the caller's query has one of that name."""

    code, status, title = "query_not_allowed", 400, "The query names a credential of the gateway"
    proxy_error = "http_request_denied"


class AuthorizationNotAllowed(CallerError):
    """The route has ``authorization: reject``, and the caller sent one."""

    code, status, title = (
        "authorization_not_allowed",
        403,
        "The route takes no Authorization from callers",
    )
    proxy_error = "http_request_denied"


class ForeignPage(CallerError):
    """A web page of another site tries to use a route that injects a token, on a loopback listener."""

    code, status, title = "foreign_page", 403, "The route does not serve web pages of other sites"
    proxy_error = "http_request_denied"


class NoRoute(CallerError):
    """No route matches host and path."""

    code, status, title = "no_route", 404, "No route matches"
    proxy_error = "destination_not_found"


class MethodNotAllowed(CallerError):
    """Routes match host and path, but none the method (RFC 9110 section 15.5.6)."""

    code, status, title = "method_not_allowed", 405, "The route does not allow this method"
    proxy_error = "http_request_denied"


class RequestTimeout(CallerError):
    """The head or the next bytes of the body did not arrive in time."""

    code, status, title = "request_timeout", 408, "The request did not arrive in time"
    closes = True


class BodyTooLarge(CallerError):
    """The body exceeds the route's ``max_body``."""

    code, status, title = "body_too_large", 413, "The request body is too large"
    proxy_error = "http_request_denied"
    closes = True


class TargetTooLong(CallerError):
    """The request target exceeds ``limits.target``."""

    code, status, title = "target_too_long", 414, "The request target is too long"
    closes = True


class ExpectationFailed(CallerError):
    """An expectation other than ``100-continue`` (RFC 9110 section 10.1.1)."""

    code, status, title = "expectation_failed", 417, "The expectation cannot be met"


class HeadTooLarge(CallerError):
    """The request's header fields exceed ``limits.headers`` or ``limits.header_bytes`` (RFC 6585)."""

    code, status, title = "head_too_large", 431, "The request header is too large"
    closes = True


class CallerGone(CallerError):
    """The caller left before the response was complete; 499 is in logs and metrics only."""

    code, status, title = "caller_gone", 499, "The caller went away"
    closes = True


class MethodUnsupported(CallerError):
    """CONNECT and TRACE are not supported (RFC 9110 sections 9.3.6 and 9.3.8)."""

    code, status, title = "method_unsupported", 501, "The gateway does not support this method"
    closes = True


class UpgradeUnsupported(CallerError):
    """WebSocket is not supported yet; other upgrades are ignored (RFC 9110 section 7.8)."""

    code, status, title = "upgrade_unsupported", 501, "The gateway does not upgrade connections"
    closes = True


class TransferCodingUnsupported(CallerError):
    """A transfer coding other than one ``chunked`` (RFC 9112 section 6.1)."""

    code, status, title = "transfer_coding_unsupported", 501, "The transfer coding is not supported"
    closes = True


class VersionUnsupported(CallerError):
    """The version is neither HTTP/1.0 nor HTTP/1.1 (RFC 9110 section 15.6.6)."""

    code, status, title = "version_unsupported", 505, "Only HTTP/1.0 and HTTP/1.1 are supported"
    closes = True


# ── the authorization server ──────────────────────────────────────────────────────────────────────


class TokenRefused(AuthorizationServerError):
    """It answered with an error of RFC 6749 section 5.2 that another attempt will not cure."""

    code, status, title = "token_refused", 502, "The authorization server refused the gateway's client"
    proxy_error = "destination_unavailable"


class TokenAnswerInvalid(AuthorizationServerError):
    """It answered, but without a usable token (RFC 6749 section 5.1, RFC 6750 section 2.1)."""

    code, status, title = "token_answer_invalid", 502, "The authorization server's response cannot be used"
    proxy_error = "http_protocol_error"


class InstanceNotAllowed(AuthorizationServerError):
    """The upstream that the credential names is not one that the route allows; nothing was sent."""

    code, status, title = "instance_not_allowed", 502, "The credential names an upstream that is not allowed"
    proxy_error = "destination_not_found"


class TokenUnavailable(AuthorizationServerError):
    """It cannot be reached, is failing, or asked to be left alone for a while."""

    code, status, title = "token_unavailable", 503, "The authorization server cannot be reached"
    proxy_error = "destination_unavailable"


class TokenTimeout(AuthorizationServerError):
    """No token arrived within the time of this request."""

    code, status, title = "token_timeout", 504, "The authorization server is too slow"
    proxy_error = "connection_read_timeout"
    usual_cause = Cause.ANSWER_TIMEOUT


class ClientFileUnusable(AuthorizationServerError):
    """A file of ours that a token request needs is missing or unusable."""

    code, status, title = "client_file_unusable", 503, "A file that the gateway's client needs cannot be used"
    side = Side.GATEWAY
    proxy_error = "proxy_configuration_error"


# ── the upstream ──────────────────────────────────────────────────────────────────────────────────


class UpstreamUnreachable(UpstreamError):
    """There is no connection: refused, no route, no such socket."""

    code, status, title = "upstream_unreachable", 502, "The upstream cannot be reached"
    proxy_error = "connection_refused"


class UpstreamNameUnresolved(UpstreamError):
    """Its name does not resolve."""

    code, status, title = "upstream_name_unresolved", 502, "The upstream's name does not resolve"
    proxy_error = "dns_error"


class UpstreamTlsFailed(UpstreamError):
    """The TLS handshake failed, or the certificate is not trusted; nothing was sent."""

    code, status, title = "upstream_tls_failed", 502, "No trusted TLS connection to the upstream"
    proxy_error = "tls_certificate_error"


class RouteFileUnusable(UpstreamError):
    """A file of ours that a connection needs is missing or unusable."""

    code, status, title = "route_file_unusable", 503, "A file that the gateway's route needs cannot be used"
    side = Side.GATEWAY
    proxy_error = "proxy_configuration_error"


class UpstreamClosed(UpstreamError):
    """It closed the connection before the head of its response was complete."""

    code, status, title = "upstream_closed", 502, "The upstream closed the connection without a response"
    proxy_error = "connection_terminated"
    usual_cause = Cause.CONNECTION_BROKEN


class UpstreamAnswerInvalid(UpstreamError):
    """Its bytes are no HTTP/1.x response that can be passed on."""

    code, status, title = "upstream_answer_invalid", 502, "The upstream's response is malformed"
    proxy_error = "http_protocol_error"
    usual_cause = Cause.ANSWER_UNUSABLE


class UpstreamAnswerTooLarge(UpstreamError):
    """The header of its response exceeds ``limits.header_bytes`` or ``limits.headers``."""

    code, status, title = "upstream_answer_too_large", 502, "The upstream's response header is too large"
    proxy_error = "http_response_header_section_size"
    usual_cause = Cause.ANSWER_UNUSABLE


class UpstreamAnswerIncomplete(UpstreamError):
    """It broke off in the middle of the body; so does the response to the caller."""

    code, status, title = "upstream_answer_incomplete", 502, "The upstream broke off its response"
    proxy_error = "http_response_incomplete"
    usual_cause = Cause.CONNECTION_BROKEN
    closes = True


class UpstreamConnectTimeout(UpstreamError):
    """There was no connection within ``timeouts.connect``."""

    code, status, title = "upstream_connect_timeout", 504, "The upstream did not accept a connection in time"
    proxy_error = "connection_timeout"
    usual_cause = Cause.CONNECT_TIMEOUT


class UpstreamTimeout(UpstreamError):
    """There was no response within ``timeouts.response``, or no progress for ``timeouts.idle``."""

    code, status, title = "upstream_timeout", 504, "The upstream did not answer in time"
    proxy_error = "http_response_timeout"
    usual_cause = Cause.ANSWER_TIMEOUT


class RouteTimeout(UpstreamError):
    """The whole request took longer than the route's ``timeout``."""

    code, status, title = "route_timeout", 504, "The request took longer than its route allows"
    proxy_error = "http_response_timeout"
    usual_cause = Cause.ANSWER_TIMEOUT
