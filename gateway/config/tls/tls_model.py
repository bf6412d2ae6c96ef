"""What may stand under the keys named `tls`: of a listener, of a client, of a route."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, model_validator

from gateway.config.problems import Wrong
from gateway.config.values.key_types import HostName, Text, TlsVersionWord
from gateway.config.values.strict import Strict, optional, required


class ListenerTls(Strict):
    """How callers are met with TLS."""

    certificate: Text = required("PEM file: our certificate, followed by its chain.")
    key: Text = required("PEM file: the certificate's private key, not encrypted.")


class PeerTls(Strict):
    """How another server is verified, and who we are to it."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"certificate": ["key"], "key": ["certificate"]}}
    )

    ca: Text | None = optional("PEM file of trusted authorities, instead of the system's.")
    certificate: Text | None = optional("PEM file: our own certificate for the handshake.")
    key: Text | None = optional("PEM file: that certificate's private key, not encrypted.")
    min_version: TlsVersionWord | None = optional("The oldest version of TLS that is spoken.", "TLSv1.2")
    server_name: HostName | None = optional(
        "The name that the other side's certificate must have, also sent as SNI, instead of the URL's host."
    )

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise Wrong("certificate and key stand together or not at all")
        return self


class ClientTls(PeerTls):
    """How the authorization server is verified, and who we are to it (RFC 8705)."""


class UpstreamTls(PeerTls):
    """How an `https://` upstream is verified, and who we are to it."""

    require_close_notify: bool | None = optional(
        "false: an answer without a length may end without a TLS close_notify, as one that was cut off does.",
        default=True,
    )
