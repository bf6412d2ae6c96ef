"""The certificate that a listener presents to its callers, renewed while it listens."""

from __future__ import annotations

import ssl

from gateway.core.client_settings import TlsFiles
from gateway.regular_file import Stamps, stamps_of
from gateway.tls.pem_files import Pair, load_pair, tell_kept, why_unusable


class ServerCertificate:
    """What a listener presents to its callers; renewed in place, so later handshakes present the new one.

    Attributes:
        context: for the listener.

    Raises:
        OSError: certificate or key cannot be read, or they do not match (`ssl.SSLError` is one).
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps = self._stamps_now()
        self.context = _context_of(Pair.of(files))
        self.context.set_alpn_protocols(["http/1.1"])

    def look(self) -> None:
        """Check whether the files were replaced; new ones that cannot be used change nothing."""
        stamps = self._stamps_now()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            pair = Pair.of(self._files)
            _context_of(pair)  # a pair that does not match must not reach the context in use
            load_pair(self.context, pair)
        except OSError as error:
            tell_kept(why_unusable(self._files, error))

    def _stamps_now(self) -> Stamps:
        return stamps_of((self._files.certificate, self._files.key))


def _context_of(pair: Pair) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, pair)
    return context
