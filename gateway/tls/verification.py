"""How certificates are verified: in the same way on every Python, and as curl does."""

from __future__ import annotations

import ssl


def verify_as_curl_does(context: ssl.SSLContext) -> None:
    """Trust whatever stands in the CA bundle, and leave out the checks that only newer Pythons make.

    A bundle may name an intermediate authority without its root. A certificate may lack extensions that
    RFC 5280 section 4.2 asks for: many of private authorities do, and Python 3.13 refuses them by default.
    Signatures, validity, names and purposes are verified all the same.
    """
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
