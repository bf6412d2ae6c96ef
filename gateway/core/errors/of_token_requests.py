"""Why no token could be obtained."""

from __future__ import annotations

from gateway.core.cause import Cause
from gateway.core.errors.gateway_error import AuthorizationServerError, Side


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
