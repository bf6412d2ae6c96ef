"""Why a server gave nothing: one word, the same in logs, metrics, admin pages and the doctor, and a clause.

Rules: a word blames no side by itself but for `Cause.FILE_UNUSABLE`, which is ours; the clause says what is
seen and, where a key of `gateway.yaml` may cure it, which one; both ways, to authorization servers and to
upstreams, take them from here. What a foreign exception means stands in `gateway.verdict`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Cause(Enum):
    """What keeps a server from giving what was asked of it."""

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
    # ── what it answered ──
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
    Cause.CERTIFICATE_EXPIRED: "the {server}'s certificate has expired and is to be renewed there",
    Cause.CERTIFICATE_NOT_YET_VALID: "the {server}'s certificate is not valid yet; are both clocks right?",
    Cause.CERTIFICATE_OF_OTHER_NAME: (
        "the {server}'s certificate is for another name than the one that was asked for; "
        "`tls: {{server_name: NAME}}` asks for another than the URL's"
    ),
    Cause.CERTIFICATE_REFUSED: "the {server}'s certificate was refused",
    Cause.NOT_TLS: "the {server} does not speak TLS on this port; is it http://, or another port?",
    Cause.TLS_VERSION: (
        "the {server} speaks no version of TLS that is taken here; "
        "`tls: {{min_version: TLSv1.2}}` is the oldest"
    ),
    Cause.OWN_CERTIFICATE_MISSING: (
        "the {server} demands a certificate of the gateway, and was shown none; "
        "`tls: {{certificate: FILE, key: FILE}}` shows one"
    ),
    Cause.OWN_CERTIFICATE_REFUSED: (
        "the {server} refused the certificate that the gateway showed; "
        "is the one in `tls: {{certificate: FILE, key: FILE}}` known there?"
    ),
    Cause.TLS_BROKEN: (
        "the {server} broke off the TLS handshake; does it speak TLS on this port, "
        "does it demand a certificate of the gateway?"
    ),
}
"""What is said of the causes between us and a server; ``{server}`` is how it is called."""


def clause(cause: Cause, server: str) -> str:
    """Say what is seen of `server`: ``authorization server`` or ``upstream``."""
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
"""The keys to look at, below the client or the route; for the other causes on the way it is the URL."""
