"""What is wrong with a request itself."""

from __future__ import annotations

from gateway.core.errors.gateway_error import CallerError


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
    """The route does not take WebSocket; other upgrades are ignored (RFC 9110 section 7.8)."""

    code, status, title = "upgrade_unsupported", 501, "The route does not take WebSocket"
    closes = True


class TransferCodingUnsupported(CallerError):
    """A transfer coding other than one ``chunked`` (RFC 9112 section 6.1)."""

    code, status, title = "transfer_coding_unsupported", 501, "The transfer coding is not supported"
    closes = True


class VersionUnsupported(CallerError):
    """The version is neither HTTP/1.0 nor HTTP/1.1 (RFC 9110 section 15.6.6)."""

    code, status, title = "version_unsupported", 505, "Only HTTP/1.0 and HTTP/1.1 are supported"
    closes = True
