"""What a TLS alert of the other side says (RFC 8446 section 6.2), in words; most are about our certificate.

Under TLS 1.2 such an alert ends the handshake. Under 1.3 our handshake is over before the other side has seen
our certificate, or that there is none: the alert comes where the answer should begin.
"""

from __future__ import annotations

from typing import Final

_WANTED: Final = "it demands a certificate of the gateway, and was shown none"
_REFUSED: Final = "it refused the certificate that the gateway showed, or that it showed none"
_NO_HANDSHAKE: Final = "it may demand a certificate of the gateway, or share no cipher with it"

# As OpenSSL names them behind "TLSV1_ALERT_", "SSLV3_ALERT_" and "TLSV13_ALERT_".
_WORDS: Final = {
    "CERTIFICATE_REQUIRED": _WANTED,
    "NO_CERTIFICATE": _WANTED,
    "HANDSHAKE_FAILURE": _NO_HANDSHAKE,
} | dict.fromkeys(
    (
        "ACCESS_DENIED",
        "BAD_CERTIFICATE",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN",
        "DECRYPT_ERROR",
        "UNKNOWN_CA",
        "UNSUPPORTED_CERTIFICATE",
    ),
    _REFUSED,
)


def alert_words(error: BaseException | None) -> str:
    """Say what the other side's alert means, from an `ssl.SSLError` and its `reason`; empty for any other."""
    _, is_alert, name = str(getattr(error, "reason", "")).partition("_ALERT_")
    if not is_alert:
        return ""
    return _WORDS.get(name) or f"it sent the alert {name.lower()}"
