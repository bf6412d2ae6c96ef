from __future__ import annotations

import pytest

from gateway.core.tls_alerts import alert_words

ALERTS = [
    ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "demands a certificate"),
    ("SSLV3_ALERT_NO_CERTIFICATE", "demands a certificate"),
    ("TLSV1_ALERT_UNKNOWN_CA", "refused the certificate"),
    ("TLSV1_ALERT_ACCESS_DENIED", "refused the certificate"),
    ("TLSV1_ALERT_DECRYPT_ERROR", "refused the certificate"),
    ("SSLV3_ALERT_BAD_CERTIFICATE", "refused the certificate"),
    ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "refused the certificate"),
    ("SSLV3_ALERT_CERTIFICATE_REVOKED", "refused the certificate"),
    ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "refused the certificate"),
    ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "refused the certificate"),
    ("SSLV3_ALERT_HANDSHAKE_FAILURE", "may demand a certificate"),
    ("TLSV1_ALERT_PROTOCOL_VERSION", "it sent the alert protocol_version"),
]


@pytest.mark.parametrize(("reason", "words"), ALERTS)
def test_an_alert_is_told_in_words(reason, words):
    error = OSError()
    error.reason = reason

    assert words in alert_words(error)


@pytest.mark.parametrize("reason", ["CERTIFICATE_VERIFY_FAILED", "UNKNOWN_CA", "", None])
def test_what_the_other_side_did_not_send_is_no_alert(reason):
    error = OSError("_ALERT_UNKNOWN_CA")
    error.reason = reason

    assert alert_words(error) == ""
    assert alert_words(None) == alert_words(OSError("_ALERT_UNKNOWN_CA")) == ""
