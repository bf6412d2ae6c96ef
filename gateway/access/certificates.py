"""Callers known by the certificate that they present in the handshake with one of our own listeners.

The handshake verified that it is signed by an authority of the listener, and that the caller has its key.
What is left is whom it names, and whether it has expired since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from cryptography import x509

from gateway.core.access.certificate_names import CertificateNames, NamePatterns
from gateway.core.access.finding import Finding, Known
from gateway.core.caller import Caller, WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import CertificateWay

_REMEMBERED: Final = 4096
"""Certificates, of 1 or 2 KiB each."""


class Certificates:
    """Implements `PlaceWay`. What a certificate says is read once, however many connections present it."""

    def __init__(self, name: WayName, settings: CertificateWay, wall_s: Callable[[], float]) -> None:
        self.name = name
        self._patterns = NamePatterns.of(settings.uri, settings.dns, settings.subject)
        self._settings = settings
        self._wall_s = wall_s
        # By their bytes, whose hash the object keeps: the same one for all requests of a connection.
        self._seen: dict[bytes, Known | None] = {}

    def see(self, head: RequestHead, caller: CallerFields) -> Finding | None:  # noqa: ARG002
        """Find out whether the connection presented one of these certificates, and it is still valid."""
        certificate = caller.certificate
        if certificate is None:
            return None
        try:
            known = self._seen[certificate]
        except KeyError:
            known = self._remember(certificate)
        return known if known is not None and self._wall_s() < known.caller.expires_at_s else None

    def state(self) -> Mapping[str, object]:
        """Return which certificates it knows callers by."""
        settings = self._settings
        kinds = {"uri": settings.uri, "dns": settings.dns, "subject": settings.subject}
        return {"kind": "certificate", **{name: list(each) for name, each in kinds.items() if each}}

    def _remember(self, certificate: bytes) -> Known | None:
        names = names_in(certificate)
        name = self._patterns.name_in(names) if names is not None else None
        known = None
        if names is not None and name is not None:
            claims = {"uri": list(names.uris), "dns": list(names.dns), "subject": ",".join(names.subject)}
            known = Known(Caller(self.name, name, frozenset(), claims, names.ends_at_s))
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[certificate] = known
        return known


def names_in(certificate: bytes) -> CertificateNames | None:
    """Return what a certificate (in DER) says of its owner; None if it cannot be read."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        uris, dns = _alternative_names(parsed)
        return CertificateNames(
            uris,
            dns,
            tuple(each.rfc4514_string() for each in reversed(parsed.subject.rdns)),
            parsed.not_valid_after_utc.timestamp(),
            is_authority=_is_authority(parsed),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _alternative_names(parsed: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with suppress(x509.ExtensionNotFound):
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
        return uris, tuple(names.get_values_for_type(x509.DNSName))
    return (), ()


def _is_authority(parsed: x509.Certificate) -> bool:
    with suppress(x509.ExtensionNotFound):
        return parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    return False
