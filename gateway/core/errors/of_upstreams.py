"""What is wrong with an exchange."""

from __future__ import annotations

from gateway.core.cause import Cause
from gateway.core.errors.gateway_error import Overloaded, Side, UpstreamError


class UpstreamUnreachable(UpstreamError):
    """There is no connection: refused, no route, no such socket."""

    code, status, title = "upstream_unreachable", 502, "The upstream cannot be reached"
    proxy_error = "connection_refused"


class UpstreamOverloaded(Overloaded):
    """The group serves as many requests as its ``max_requests`` allows, and this one found no place."""

    code, status, title = "upstream_overloaded", 503, "The upstream has no room for the request"


class UpstreamNameUnresolved(UpstreamError):
    """Its name does not resolve."""

    code, status, title = "upstream_name_unresolved", 502, "The upstream's name does not resolve"
    proxy_error = "dns_error"


class UpstreamProxyFailed(UpstreamError):
    """The forward proxy on the way to it cannot be reached, or does not lead there; nothing was sent."""

    code, status, title = "upstream_proxy_failed", 502, "The forward proxy does not lead to the upstream"
    proxy_error = "connection_refused"
    usual_cause = Cause.PROXY_FAILED


class UpstreamProxyLeadsNowhere(UpstreamProxyFailed):
    """The forward proxy is well, and says itself that it cannot reach the upstream."""


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
