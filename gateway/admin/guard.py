"""Which requests the admin listener serves: those of programs and people, not those of foreign web pages.

Rules:

- Browsers say where a request comes from. ``Sec-Fetch-Site`` other than ``none`` or ``same-origin``, or any
  ``Origin``, means that a web page made it: it is refused. No CORS field is ever sent.
- DNS rebinding makes a foreign page same-origin, but then ``Host`` holds its name. Bound to a loopback
  address, the listener serves loopback names and addresses only. Elsewhere its names are not known, and not
  checked.
- A request without ``Host`` (HTTP/1.0 probes) does not come from a browser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.core.http.foreign import names_this_machine
from gateway.core.settings.listener_settings import Address

_NO_WEIGHT: Final = re.compile(r"q=0(\.0{0,3})?")


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Whether a page of another origin caused the request (Fetch Metadata; RFC 6454 section 7)."""
    return "Origin" in headers or headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}


def is_foreign_host(host_field: str | None, bound_to: Address) -> bool:
    """Whether ``Host`` names somebody else, as far as that can be known."""
    if host_field is None or bound_to.path is not None or not names_this_machine(bound_to.host):
        return False
    return not names_this_machine(_host_in(host_field))


def takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether a response may be compressed with gzip (RFC 9110 section 12.5.3); ``*`` does not ask for it."""
    for word in headers.get("Accept-Encoding", "").lower().split(","):
        coding, *parameters = (part.strip() for part in word.split(";"))
        if coding in {"gzip", "x-gzip"}:
            return not any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return False


def _host_in(host_field: str) -> str:
    """Without brackets, port and final dot, in lower case."""
    if host_field.startswith("["):
        return host_field[1:].partition("]")[0].lower()
    return host_field.partition(":")[0].lower().removesuffix(".")
