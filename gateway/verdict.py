"""A foreign exception -> why a server could not be reached, for authorization servers and upstreams alike.

Rules: no text of an exception is passed on, since it may contain addresses, files or a proxy's password; of
OpenSSL only numbers and the names of alerts are read (RFC 8446 section 6.2). The most specific reason counts,
however deep it is: libraries wrap what the socket said.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.core.cause import Cause, clause
from gateway.tls.pem_files import FileUnusable

# X509_V_ERR_* (openssl/x509_vfy.h). 7 occurs if two authorities have the same name.
_OF_CERTIFICATES: Final = {
    2: Cause.UNKNOWN_AUTHORITY,
    7: Cause.UNKNOWN_AUTHORITY,
    18: Cause.UNKNOWN_AUTHORITY,
    19: Cause.UNKNOWN_AUTHORITY,
    20: Cause.UNKNOWN_AUTHORITY,
    21: Cause.UNKNOWN_AUTHORITY,
    9: Cause.CERTIFICATE_NOT_YET_VALID,
    10: Cause.CERTIFICATE_EXPIRED,
    62: Cause.CERTIFICATE_OF_OTHER_NAME,
    64: Cause.CERTIFICATE_OF_OTHER_NAME,
}
_OF_TLS: Final = {
    "HTTP_REQUEST": Cause.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": Cause.NOT_TLS,
    "RECORD_LAYER_FAILURE": Cause.NOT_TLS,
    "UNKNOWN_PROTOCOL": Cause.NOT_TLS,
    "WRONG_VERSION_NUMBER": Cause.NOT_TLS,
    "NO_PROTOCOLS_AVAILABLE": Cause.TLS_VERSION,
    "UNSUPPORTED_PROTOCOL": Cause.TLS_VERSION,
}
_OF_ALERTS: Final = {
    "PROTOCOL_VERSION": Cause.TLS_VERSION,
    "CERTIFICATE_REQUIRED": Cause.OWN_CERTIFICATE_MISSING,
    "BAD_CERTIFICATE": Cause.OWN_CERTIFICATE_REFUSED,
    "CERTIFICATE_EXPIRED": Cause.OWN_CERTIFICATE_REFUSED,
    "CERTIFICATE_REVOKED": Cause.OWN_CERTIFICATE_REFUSED,
    "CERTIFICATE_UNKNOWN": Cause.OWN_CERTIFICATE_REFUSED,
    "DECRYPT_ERROR": Cause.OWN_CERTIFICATE_REFUSED,
    "UNKNOWN_CA": Cause.OWN_CERTIFICATE_REFUSED,
    "UNSUPPORTED_CERTIFICATE": Cause.OWN_CERTIFICATE_REFUSED,
    "ACCESS_DENIED": Cause.OWN_CERTIFICATE_REFUSED,
    "UNRECOGNIZED_NAME": Cause.CERTIFICATE_OF_OTHER_NAME,
}
_ALERT: Final = re.compile(r"ALERT_(\w+)$")
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
# If addresses fail in different ways, the first of these says most.
_MOST_TELLING: Final = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH)
_BROKEN: Final = frozenset((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED))


@dataclass(frozen=True, slots=True)
class Way:
    """What was attempted.

    Attributes:
        server: a name for the other side, such as ``upstream``.
        is_tls: whether the connection uses TLS.
        shows_certificate: whether we present a certificate.
        is_connected: whether the connection was established, and broke later.
    """

    server: str
    is_tls: bool = False
    shows_certificate: bool = False
    is_connected: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a server could not be reached.

    Attributes:
        words: a clause in our words.
        file: our file that is at fault, for `Cause.FILE_UNUSABLE`.
    """

    cause: Cause
    words: str
    file: FileUnusable | None = None


def verdict(error: BaseException, way: Way) -> Verdict | None:
    """Return why `error` occurred on this `way`; None if nothing in it says."""
    chain = tuple(_chain(error))
    for kind, judge in _JUDGES:
        found = [each for each in chain if isinstance(each, kind)]
        if found:
            # aiohttp's own errors have the type of what they wrap, and say nothing.
            return judge(max(found, key=_says_why), way)
    return _of_system(chain, way)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield what was caught and everything that it wraps, the outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            # The first two are aiohttp's.
            wrapped = (getattr(each, name, None) for name in ("certificate_error", "os_error"))
            waiting += [*wrapped, each.__cause__, each.__context__]


def _says_why(error: BaseException) -> bool:
    return bool(getattr(error, "verify_code", None) or getattr(error, "reason", None))


def _said(cause: Cause, way: Way, said: str = "") -> Verdict:
    words = clause(cause, way.server)
    return Verdict(cause, f"{words}: {said}" if said else words)


def _of_file(error: Any, way: Way) -> Verdict:  # noqa: ARG001 - a judge's signature
    return Verdict(Cause.FILE_UNUSABLE, str(error), error)


def _of_certificate(error: Any, way: Way) -> Verdict:
    cause = _OF_CERTIFICATES.get(getattr(error, "verify_code", 0), Cause.CERTIFICATE_REFUSED)
    # OpenSSL's words quote nothing but the name that we asked for.
    return _said(
        cause, way, getattr(error, "verify_message", "") if cause is Cause.CERTIFICATE_REFUSED else ""
    )


def _of_tls(error: Any, way: Way) -> Verdict:
    reason = getattr(error, "reason", None) or ""
    alert = _ALERT.search(reason)
    cause = (_OF_ALERTS.get(alert[1]) if alert is not None else _OF_TLS.get(reason)) or Cause.TLS_BROKEN
    if cause is Cause.OWN_CERTIFICATE_REFUSED and not way.shows_certificate:
        cause = Cause.OWN_CERTIFICATE_MISSING  # before TLS 1.3 there was no alert for a missing one
    return _said(cause, way)


def _of_name(error: Any, way: Way) -> Verdict:  # noqa: ARG001 - a judge's signature
    return _said(Cause.NAME_UNRESOLVED, way)


_JUDGES: Final[tuple[tuple[type[Exception], Callable[[Any, Way], Verdict]], ...]] = (
    (FileUnusable, _of_file),
    (ssl.SSLCertVerificationError, _of_certificate),
    (ssl.SSLError, _of_tls),
    (socket.gaierror, _of_name),
    (UnicodeError, _of_name),
)


def _of_system(chain: tuple[BaseException, ...], way: Way) -> Verdict | None:
    number = _number(chain)
    if number == errno.ECONNREFUSED:
        return _said(Cause.CONNECTION_REFUSED, way)
    if way.is_connected:
        return None
    if number in _BROKEN or (number is None and any(isinstance(each, ConnectionError) for each in chain)):
        if way.is_tls:
            return _said(Cause.TLS_BROKEN, way)
        words = clause(Cause.NOT_REACHED, way.server)
        return Verdict(
            Cause.CONNECTION_BROKEN, words if number is None else f"{words}: {os.strerror(number)}"
        )
    return None if number is None else _said(Cause.NOT_REACHED, way, os.strerror(number))


def _number(chain: tuple[BaseException, ...]) -> int | None:
    system = [each for each in chain if isinstance(each, OSError)]
    known = next((each.errno for each in system if each.errno is not None and each.errno > 0), None)
    if known is not None:
        return known
    # If several addresses failed, the numbers are in the joined texts.
    numbers = [int(number) for each in system for number in _NUMBER.findall(str(each))]
    return next((each for each in _MOST_TELLING if each in numbers), numbers[0] if numbers else None)
