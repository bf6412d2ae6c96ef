"""What all errors have, and their kinds: whose fault it is, and what the response says."""

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
