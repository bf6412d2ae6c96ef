"""`docs/errors.md` and the tree of errors say the same."""

from pathlib import Path

from gateway.core import access_errors
from gateway.core.cause import Cause
from gateway.core.errors import GatewayError

assert access_errors.AccessError.__subclasses__()  # loaded, so that the tree is whole

DOCS = Path(__file__).parents[2] / "docs"


def errors(parent=GatewayError):
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from errors(child)


def documented():
    for line in (DOCS / "errors.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`") and cells[2].isdigit():
            yield cells[0].strip("`"), cells[1], int(cells[2])


def test_every_error_has_its_row_and_every_row_its_error():
    assert sorted((error.code, error.side.value, error.status) for error in errors()) == sorted(documented())


def test_every_cause_has_its_row_and_every_row_its_cause():
    section = (DOCS / "errors.md").read_text().partition("\n## Why: the causes\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip(" `") for line in section.splitlines() if line.startswith("| `")]
    assert [cause.value for cause in Cause] == rows


def test_proxy_status_names_only_registered_error_types():
    """RFC 9209 section 2.3."""
    registered = {
        "dns_timeout", "dns_error", "destination_not_found", "destination_unavailable", "destination_ip_prohibited",
        "destination_ip_unroutable", "connection_refused", "connection_terminated", "connection_timeout",
        "connection_read_timeout", "connection_write_timeout", "connection_limit_reached", "tls_protocol_error",
        "tls_certificate_error", "tls_alert_received", "http_request_error", "http_request_denied",
        "http_response_incomplete", "http_response_header_section_size", "http_response_header_size",
        "http_response_body_size", "http_response_trailer_section_size", "http_response_trailer_size",
        "http_response_transfer_coding", "http_response_content_coding", "http_response_timeout",
        "http_upgrade_failed", "http_protocol_error", "proxy_internal_response", "proxy_internal_error",
        "proxy_configuration_error", "proxy_loop_detected",
    }  # fmt: skip
    assert {error.proxy_error for error in errors()} <= registered
