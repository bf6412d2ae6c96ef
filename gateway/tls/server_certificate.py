"""The certificate that a listener presents to its callers, and whose certificates it takes from them."""

from __future__ import annotations

import ssl

from gateway.core.settings.client_settings import ClientTrust, TlsFiles
from gateway.system.regular_file import MOST_PEM_BYTES, Stamps, copied, read_regular, stamps_of
from gateway.tls.pem_files import FileUnusable, Pair, complaint, load_pair, tell_kept, why_unusable
from gateway.tls.verification import verify_as_curl_does


class ServerCertificate:
    """What a listener presents to its callers; renewed in place, so later handshakes present the new one.

    Whose certificates it takes cannot be renewed in place, since a context forgets no authority. Then there
    is a new context, for which no session of the old one can be resumed.

    Attributes:
        context: for the listener; another one after a `look` that says so.

    Raises:
        OSError: a file cannot be read, certificate and key do not match, or the file of authorities has none
            (`ssl.SSLError` is one).
    """

    def __init__(self, files: TlsFiles, trust: ClientTrust | None = None) -> None:
        self._files = files
        self._trust = trust
        self._stamps, self._trust_stamps = self._stamps_now(), self._trust_stamps_now()
        self._pair = Pair.of(files)
        self._authorities = _authorities_in(trust)
        self.context = _context_of(self._pair, trust, self._authorities)

    def look(self) -> bool:
        """Check whether the files were replaced; new ones that cannot be used change nothing.

        Returns:
            whether there is another context: other authorities vouch for callers.
        """
        stamps = self._stamps_now()
        if stamps != self._stamps:
            self._stamps = stamps
            self._renew_pair()
        stamps = self._trust_stamps_now()
        if stamps == self._trust_stamps:
            return False
        self._trust_stamps = stamps
        return self._renew_authorities()

    def _renew_pair(self) -> None:
        try:
            pair = Pair.of(self._files)
            _context_of(pair, None, b"")  # a pair that does not match must not reach the context in use
            load_pair(self.context, pair)
            self._pair = pair
        except OSError as error:
            tell_kept(why_unusable(self._files, error))

    def _renew_authorities(self) -> bool:
        try:
            authorities = _authorities_in(self._trust)
            if authorities == self._authorities:
                return False
            self.context = _context_of(self._pair, self._trust, authorities)
        except OSError as error:
            tell_kept(error)
            return False
        self._authorities = authorities
        return True

    def _stamps_now(self) -> Stamps:
        return stamps_of((self._files.certificate, self._files.key))

    def _trust_stamps_now(self) -> Stamps:
        return stamps_of((self._trust.ca_file,)) if self._trust is not None else ()


def _context_of(pair: Pair, trust: ClientTrust | None, authorities: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    verify_as_curl_does(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, pair)
    if trust is not None:
        _ask_for_certificates(context, trust, authorities)
    return context


def _ask_for_certificates(context: ssl.SSLContext, trust: ClientTrust, authorities: bytes) -> None:
    try:
        with copied(authorities) as copy:
            context.load_verify_locations(cafile=copy)
    except OSError as error:
        words = complaint(error, "contains no certificate in PEM form")
        raise FileUnusable("tls.client_ca", trust.ca_file, words) from None
    context.verify_mode = ssl.CERT_REQUIRED if trust.is_required else ssl.CERT_OPTIONAL


def _authorities_in(trust: ClientTrust | None) -> bytes:
    if trust is None:
        return b""
    try:
        return read_regular(trust.ca_file, MOST_PEM_BYTES)[0]
    except OSError as error:
        raise FileUnusable("tls.client_ca", trust.ca_file, complaint(error, "")) from None
