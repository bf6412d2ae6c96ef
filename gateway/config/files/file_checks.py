"""Whether the files that a configuration names can be used now.

This is apart from `load`, since a file may be wrong today and right tomorrow: such problems prevent a start,
but are no mistakes in the configuration. Each is reported once, at the place and key that name the file.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.config.files import caller_files
from gateway.config.files.caller_files import Flaw
from gateway.config.files.named_files import FileKind, NamedFile
from gateway.config.problems import Problem, Severity, Wrong
from gateway.core.settings.client_settings import TlsFiles
from gateway.net.unix_socket import group_number
from gateway.system.regular_file import MOST_PEM_BYTES
from gateway.system.text_file import content_of
from gateway.tls.pem_files import Pair, load_authorities, load_pair

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PRIVATE_BUNDLE: Final = 20
"""The most certificates in a private CA bundle. A system's has more, some of them expired."""


@dataclass(frozen=True, slots=True)
class FileProblems:
    """What is wrong with files.

    Attributes:
        of_servers: problems that prevent a start.
        of_clients: problems that cost only the tokens of some clients.
        warnings: what still works.
    """

    of_servers: tuple[Problem, ...] = ()
    of_clients: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check_files(file: str, files: Iterable[NamedFile], now: datetime | None = None) -> FileProblems:
    """Check every file.

    Args:
        file: the name of the configuration, as shown to the operator.
        files: the files that it names.
        now: when certificates must be valid, with a time zone; by default now.
    """
    at = now or datetime.now(UTC)
    servers: list[Problem] = []
    clients: list[Problem] = []
    warnings: list[Problem] = []
    for one in files:
        for message, is_warning in _flaws(one, at):
            kind = warnings if is_warning else clients if one.is_clients else servers
            severity = Severity.WARNING if is_warning else Severity.PROBLEM
            kind.append(replace(one.problem(file, message), severity=severity))
    return FileProblems(tuple(servers), tuple(clients), tuple(warnings))


_Check = Callable[[NamedFile, datetime], Iterator[Flaw]]


def _flaws(one: NamedFile, at: datetime) -> Iterator[Flaw]:
    try:
        yield from _CHECKS[one.kind](one, at)
    except PermissionError:
        yield f"{one.path} cannot be reached: this user may not enter a directory above it", False


def _certificate(one: NamedFile, at: datetime) -> Iterator[Flaw]:
    """Check a certificate; whether it matches its key is checked where the key is used."""
    content, wrong = _content(one.path)
    found = _certificates(content)
    if wrong is not None:
        yield wrong, False
    elif not found:
        is_key = b"PRIVATE KEY-----" in content
        hint = ", but a private key: are the two swapped?" if is_key else " in PEM form"
        yield f"{one.path} is not a certificate{hint}", False
    elif (reason := _why_not_valid(found[0], at)) is not None:
        yield f"the certificate in {one.path} {reason}", False


def _key(one: NamedFile, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001 - keys do not expire
    content, wrong = _content(one.path)
    if wrong is not None:
        yield wrong, False
    elif b"PRIVATE KEY-----" not in content:
        yield f"{one.path} is not a private key in PEM form", False
    elif b"ENCRYPTED" in content:
        yield (
            f"{one.path} is encrypted: store the key without a password",
            False,
        )
    elif one.certificate is not None and _certificates(_content(one.certificate)[0]):
        yield from _misfit(TlsFiles(one.certificate, one.path))


def _misfit(files: TlsFiles) -> Iterator[Flaw]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_pair(context, Pair.of(files))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield f"{files.key} is not the key of the certificate {files.certificate}", False
        else:
            yield f"{files.key} is not a private key that TLS can use", False
    except OSError as error:
        yield f"{files.key} cannot be read: {error.strerror}", False


def _authorities(one: NamedFile, at: datetime) -> Iterator[Flaw]:
    content, wrong = _content(one.path)
    if wrong is not None:
        yield wrong, False
        return
    try:
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), one.path)
    except (ssl.SSLError, OSError):
        yield f"{one.path} contains no certificate in PEM form", False
        return
    found = _certificates(content)
    expired = [each for each in found if each.not_valid_after_utc < at]
    if expired and len(found) <= _PRIVATE_BUNDLE:
        last = f"{max(each.not_valid_after_utc for each in expired):%Y-%m-%d %H:%M} UTC"
        yield _expired(one.path, len(expired), len(found), last), len(expired) < len(found)


def _expired(path: str, expired: int, count: int, last: str) -> str:
    if expired < count:
        return f"{expired} of the {count} certificates in {path} expired, the last on {last}"
    if count == 1:
        return f"the certificate in {path} expired on {last}: no server certificate it signed is trusted"
    return f"all {count} certificates in {path} expired, the last on {last}: no server is trusted"


def _of_callers(check: Callable[[str, str, datetime], Iterator[Flaw]]) -> _Check:
    def checked(one: NamedFile, at: datetime) -> Iterator[Flaw]:
        content, wrong = _content(one.path)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            wrong = f"{one.path} is not UTF-8"
        if wrong is not None:
            yield wrong, False
        else:
            yield from check(one.path, text, at)

    return checked


def _log(one: NamedFile, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001
    path = Path(one.path)
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        yield f"{path} is a directory, not a file", False
    elif mode:
        if not _may(path, os.W_OK):
            yield f"{path} is not writable for this user", False
    else:
        yield from _folder(path)


def _socket(one: NamedFile, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001
    path = Path(one.path)
    mode = _mode(path, follow_symlinks=False)
    if mode and not stat.S_ISSOCK(mode):
        yield f"{path} exists and is not a socket: it will not be replaced", False
    yield from _folder(path)


def _group(one: NamedFile, at: datetime) -> Iterator[Flaw]:  # noqa: ARG001
    try:
        group_number(one.path)
    except KeyError:
        yield "no such group on this machine: create it, or write its number", False


def _folder(path: Path) -> Iterator[Flaw]:
    """Check that a file can be created: its directory exists, and this user may write to it."""
    if not stat.S_ISDIR(_mode(path.parent)):
        yield f"{path} cannot be created: there is no directory {path.parent}", False
    elif not _may(path.parent, os.W_OK | os.X_OK):
        yield f"{path} cannot be created: this user may not write to the directory {path.parent}", False


def _mode(path: Path, *, follow_symlinks: bool = True) -> int:
    """Return what kind of file a path leads to; 0 if there is none.

    Raises:
        PermissionError: this user may not look. Of `pathlib`, some versions say then that there is none.
    """
    try:
        return path.stat(follow_symlinks=follow_symlinks).st_mode
    except PermissionError:
        raise
    except OSError:
        return 0


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


_CHECKS: Final[dict[FileKind, _Check]] = {
    FileKind.CERTIFICATE: _certificate,
    FileKind.KEY: _key,
    FileKind.AUTHORITIES: _authorities,
    FileKind.API_KEYS: _of_callers(caller_files.api_keys),
    FileKind.HTPASSWD: _of_callers(caller_files.users),
    FileKind.KEY_SET: _of_callers(caller_files.key_set),
    FileKind.LOG: _log,
    FileKind.SOCKET: _socket,
    FileKind.GROUP: _group,
}


def _content(path: str) -> tuple[bytes, str | None]:
    try:
        return content_of(Path(path), MOST_PEM_BYTES)[0], None
    except Wrong as wrong:
        return b"", str(wrong)


def _certificates(content: bytes) -> list[Certificate]:
    from cryptography import x509  # noqa: PLC0415 - most gateways have no certificate of their own

    with suppress(ValueError):
        return x509.load_pem_x509_certificates(content)
    return []


def _why_not_valid(certificate: Certificate, at: datetime) -> str | None:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if last < at:
        return f"expired on {last:%Y-%m-%d %H:%M} UTC"
    if first > at:
        return f"is valid only from {first:%Y-%m-%d %H:%M} UTC"
    return None
