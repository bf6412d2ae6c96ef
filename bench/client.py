"""A blocking HTTP client for probes and counters, one connection per request."""

from __future__ import annotations

import http.client
import json
import ssl


def status(port: int, path: str, *, is_tls: bool = False) -> int | None:
    """Return the status that a GET is answered with, or None if nobody answers."""
    try:
        return _get(port, path, is_tls=is_tls)[0]
    except (OSError, http.client.HTTPException):
        return None


def token_requests(authorization_server: int, client_id: str) -> int:
    """Return how many token requests a client has made so far."""
    return int(json.loads(_get(authorization_server, f"/count/{client_id}")[1])["count"])


def rejected(strict_upstream: int) -> int:
    """Return how many requests the strict upstream has refused for their token."""
    return int(_get(strict_upstream, "/rejected")[1])


def _get(port: int, path: str, *, is_tls: bool = False) -> tuple[int, bytes]:
    connection = _tls_connection(port) if is_tls else http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _tls_connection(port: int) -> http.client.HTTPSConnection:
    # Like wrk it verifies nobody: what is on the port, the benchmark itself has started.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
