"""The keys of `tls`: of a listener, of a client, of a route."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, model_validator

from gateway.config.problems import Wrong
from gateway.config.values.key_types import ClientCertificateWord, Flag, HostName, Text, TlsVersionWord
from gateway.config.values.strict import Strict, optional, required


class ListenerTls(Strict):
    """TLS on a listener."""

    certificate: Text = required("PEM file: our certificate, followed by its chain.")
    key: Text = required("PEM file: the private key of the certificate, not encrypted.")
    client_ca: Text | None = optional(
        "PEM file: the authorities that sign the certificates of callers, who are asked for one then."
    )
    client_certificate: ClientCertificateWord | None = optional(
        "optional: callers may present one; required: a caller without one is refused in the handshake.",
        "optional",
    )

    @model_validator(mode="after")
    def _has_authorities(self) -> Self:
        if self.client_certificate is not None and self.client_ca is None:
            raise Wrong("client_certificate has no effect without client_ca: add the authorities of callers")
        return self


class PeerTls(Strict):
    """How another server is verified, and our certificate for it."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"certificate": ["key"], "key": ["certificate"]}}
    )

    ca: Text | None = optional("PEM file with the CA bundle to trust instead of the system's.")
    certificate: Text | None = optional("PEM file: our client certificate.")
    key: Text | None = optional("PEM file: the private key of that certificate, not encrypted.")
    min_version: TlsVersionWord | None = optional("The oldest TLS version that is accepted.", "TLSv1.2")
    server_name: HostName | None = optional(
        "The name that the server's certificate must have, also sent as SNI, instead of the host in the URL."
    )

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise Wrong("certificate and key require each other: add the missing one, or remove both")
        return self


class ClientTls(PeerTls):
    """How the authorization server is verified, and our certificate for it (RFC 8705)."""


class UpstreamTls(PeerTls):
    """How an `https://` upstream is verified, and our certificate for it."""

    require_close_notify: Flag | None = optional(
        "false: accept a response of unknown length without a final TLS close_notify; it may be cut off.",
        default=True,
    )
