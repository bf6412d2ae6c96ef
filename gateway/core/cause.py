"""Why a server did not deliver: one word for logs, metrics, admin pages and the doctor, and a clause.

Rules:

- A word by itself blames no side, except `Cause.FILE_UNUSABLE`, which is the gateway's fault.
- The clause says what was observed and, if a key of `gateway.yaml` may cure it, which one.
- Requests to authorization servers and to upstreams share these words. `gateway.verdict` finds them in
  foreign exceptions.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Cause(Enum):
    """What keeps a server from delivering what it was asked for."""

    FILE_UNUSABLE = "file_unusable"
    # ── on the way ──
    NAME_UNRESOLVED = "name_unresolved"
    CONNECTION_REFUSED = "connection_refused"
    NOT_REACHED = "not_reached"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECTION_BROKEN = "connection_broken"
    PROXY_FAILED = "proxy_failed"
    SERVER_BUSY = "server_busy"
    # ── TLS ──
    UNKNOWN_AUTHORITY = "unknown_authority"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_OF_OTHER_NAME = "certificate_of_other_name"
    CERTIFICATE_REFUSED = "certificate_refused"
    NOT_TLS = "not_tls"
    TLS_VERSION = "tls_version"
    OWN_CERTIFICATE_MISSING = "own_certificate_missing"
    OWN_CERTIFICATE_REFUSED = "own_certificate_refused"
    TLS_BROKEN = "tls_broken"
    # ── in its response ──
    CREDENTIALS_REFUSED = "credentials_refused"
    SCOPE_REFUSED = "scope_refused"
    RESOURCE_REFUSED = "resource_refused"
    CLIENT_NOT_ALLOWED = "client_not_allowed"
    PROOF_REFUSED = "proof_refused"
    REQUEST_REFUSED = "request_refused"
    TOKENS_REFUSED = "tokens_refused"
    SERVER_FAILED = "server_failed"
    ANSWER_TIMEOUT = "answer_timeout"
    ANSWER_UNUSABLE = "answer_unusable"


CLAUSES: Final = {
    Cause.NAME_UNRESOLVED: "the {server}'s name does not resolve",
    Cause.CONNECTION_REFUSED: "no connection to the {server}: Connection refused",
    Cause.NOT_REACHED: "no connection to the {server}",
    Cause.CONNECT_TIMEOUT: "the {server} accepted no connection in time",
    Cause.CONNECTION_BROKEN: "the {server} broke the connection",
    Cause.UNKNOWN_AUTHORITY: (
        "the {server}'s certificate comes from an authority that is not trusted; "
        "`tls: {{ca: FILE}}` names the file of one that is"
    ),
    Cause.CERTIFICATE_EXPIRED: "the {server}'s certificate has expired; it must be renewed there",
    Cause.CERTIFICATE_NOT_YET_VALID: "the {server}'s certificate is not valid yet; are both clocks right?",
    Cause.CERTIFICATE_OF_OTHER_NAME: (
        "the {server}'s certificate is for a name other than the one that was asked for; "
        "`tls: {{server_name: NAME}}` asks for another name than the URL's"
    ),
    Cause.CERTIFICATE_REFUSED: "the {server}'s certificate was refused",
    Cause.NOT_TLS: "the {server} does not speak TLS on this port; is it http://, or another port?",
    Cause.TLS_VERSION: (
        "the {server} speaks no version of TLS that is accepted here; "
        "`tls: {{min_version: TLSv1.2}}` is the oldest"
    ),
    Cause.OWN_CERTIFICATE_MISSING: (
        "the {server} demands a certificate from the gateway, and got none; "
        "`tls: {{certificate: FILE, key: FILE}}` presents one"
    ),
    Cause.OWN_CERTIFICATE_REFUSED: (
        "the {server} refused the certificate that the gateway presented; "
        "is the one in `tls: {{certificate: FILE, key: FILE}}` known there?"
    ),
    Cause.TLS_BROKEN: (
        "the {server} broke off the TLS handshake; does it speak TLS on this port, "
        "does it demand a certificate from the gateway?"
    ),
}
"""The clauses of causes on the way to a server; ``{server}`` stands for what the server is called."""


def clause(cause: Cause, server: str) -> str:
    """Describe the cause as seen at `server`: ``authorization server`` or ``upstream``."""
    return CLAUSES[cause].format(server=server)


TLS_CAUSES: Final = frozenset(
    (
        Cause.UNKNOWN_AUTHORITY,
        Cause.CERTIFICATE_EXPIRED,
        Cause.CERTIFICATE_NOT_YET_VALID,
        Cause.CERTIFICATE_OF_OTHER_NAME,
        Cause.CERTIFICATE_REFUSED,
        Cause.NOT_TLS,
        Cause.TLS_VERSION,
        Cause.OWN_CERTIFICATE_MISSING,
        Cause.OWN_CERTIFICATE_REFUSED,
        Cause.TLS_BROKEN,
    )
)
TLS_KEYS: Final = {
    Cause.UNKNOWN_AUTHORITY: "tls.ca",
    Cause.CERTIFICATE_OF_OTHER_NAME: "tls.server_name",
    Cause.OWN_CERTIFICATE_MISSING: "tls.certificate",
    Cause.OWN_CERTIFICATE_REFUSED: "tls.certificate",
    Cause.TLS_VERSION: "tls.min_version",
}
"""The keys to check, below the client or the route; for other causes on the way, check the URL."""
