"""The gateway's own error responses: problem documents (RFC 9457) with Proxy-Status (RFC 9209)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from gateway.core.errors import TYPE_PREFIX, GatewayError


def problem_document(error: GatewayError, request_id: str) -> dict[str, object]:
    """Return the members of the problem document."""
    document: dict[str, object] = {
        "type": TYPE_PREFIX + error.code,
        "title": error.title,
        "status": error.status,
        "side": error.side.value,
        "request_id": request_id,
    }
    if error.detail:
        document["detail"] = error.detail
    return document


def problem_answer(error: GatewayError, request_id: str, date: str, *, closes: bool, is_head: bool) -> bytes:
    """Build the whole response, ready to be written.

    Args:
        error: what went wrong; its texts are ours, so they are safe to show.
        request_id: visible ASCII.
        date: the current time, in the format of RFC 9110 section 5.6.7.
        closes: whether the connection ends with this response.
        is_head: the request was HEAD: no body follows.
    """
    body = json.dumps(problem_document(error, request_id), ensure_ascii=False).encode() + b"\n"
    reason = "Client Closed Request" if error.status == 499 else HTTPStatus(error.status).phrase
    lines = [
        f"HTTP/1.1 {error.status} {reason}",
        f"Date: {date}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        f"Proxy-Status: gateway; error={error.proxy_error}; details={json.dumps(error.code)}",
        f"X-Request-ID: {request_id}",
        "Cache-Control: no-store",
    ]
    if error.retry_after_s is not None:
        lines.append(f"Retry-After: {error.retry_after_s}")
    if error.allow:
        lines.append(f"Allow: {', '.join(error.allow)}")
    lines += [f"{name}: {value}" for name, value in error.fields]
    if closes:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (b"" if is_head else body)


def with_lines(answer: bytes, lines: Iterable[bytes]) -> bytes:
    """Return a response with further lines in its head."""
    head, end, body = answer.partition(b"\r\n\r\n")
    return b"\r\n".join((head, *lines)) + end + body
