"""What commands ask of a running gateway: its admin listener, found by the key `admin` of the configuration.

Rules:

- Nothing is imported here that takes long: a health check starts this every few seconds.
- The key is read by itself, so that a mistake elsewhere in the file does not hide a gateway that runs. Where
  it is written in an unusual way, the reader of the configuration reads it, which takes longer.
- The request is HTTP/1.0, of one connection, within `PATIENCE_S`, and the response is bounded.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.core.config_place import ConfigPlace, ConfigVariable

PATIENCE_S: Final = 5.0
DEFAULT: Final = "127.0.0.1:8079"
_MOST_BYTES: Final = 16 * 1024 * 1024
_ENTRY: Final = re.compile(r"^(?:admin|\"admin\"|'admin')[ \t]*:(.*)$", re.MULTILINE)
_VALUE: Final = re.compile(r"[ \t]+([\"']?)([A-Za-z0-9_./:\[\]-]+)\1[ \t]*(?:[ \t]#.*)?\r?")
_UNUSUAL: Final = re.compile(r"^(?:[{%?&!*]|<<|---[ \t]*\S)", re.MULTILINE)
_ANY_HOST: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here


class AdminUnreachable(Exception):
    """The admin listener cannot be asked; the message says why, and what to do."""


class Place(NamedTuple):
    """Where an admin listener is: a host and a port, or the path of a unix socket."""

    host: str
    port: int
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """What the admin listener said."""

    status: int
    content: dict[str, Any]


def admin_place(config: str | ConfigPlace, environ: Mapping[str, str]) -> Place:
    """Return where the gateway of a configuration has its admin listener.

    Raises:
        AdminUnreachable: it has none, or where it is cannot be known.
    """
    word = plain_word(_text(config, environ))
    if word is None:
        word = _word_of_reader(config, environ)
    if word == "off":
        raise AdminUnreachable(
            f"{config}: `admin` is off, and only an admin listener answers: "
            "write an address, such as admin: unix:/run/gateway/admin.sock"
        )
    return _place(str(config), word)


def _text(config: str | ConfigPlace, environ: Mapping[str, str]) -> str:
    if isinstance(config, ConfigVariable):
        return environ.get(config.name, "")
    try:
        with open(config, encoding="utf-8-sig") as opened:  # noqa: PTH123 - pathlib takes longer to load
            return opened.read(_MOST_BYTES)
    except OSError as error:
        raise AdminUnreachable(f"{config}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AdminUnreachable(f"{config}: invalid UTF-8: save the file as UTF-8") from None


def plain_word(text: str) -> str | None:
    """Return the value of the key `admin` of a plainly written file; None if it takes a reader to tell."""
    if text.lstrip().startswith("{"):
        return _word_of_json(text)
    entries = _ENTRY.findall(text)
    if len(entries) > 1 or _UNUSUAL.search(text):
        return None
    if not entries:
        return DEFAULT
    found = _VALUE.fullmatch(entries[0])
    return found[2] if found is not None else None


def _word_of_json(text: str) -> str | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    word = document.get("admin", DEFAULT) if isinstance(document, dict) else None
    return word if isinstance(word, str) and "${" not in word else None


def _word_of_reader(config: str | ConfigPlace, environ: Mapping[str, str]) -> str:
    from pathlib import Path  # noqa: PLC0415 - only unusual files pay for it

    from gateway.config import ConfigError, ConfigUnreadable, admin_in  # noqa: PLC0415

    try:
        address = admin_in(Path(config) if isinstance(config, str) else config, environ)
    except (ConfigError, ConfigUnreadable) as error:
        raise AdminUnreachable(str(error)) from None
    return "off" if address is None else str(address)


def _place(file: str, word: str) -> Place:
    if word.startswith("unix:"):
        return Place("", 0, word.removeprefix("unix:"))
    host, _, port = word.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise AdminUnreachable(f"{file}: admin: expected an address such as {DEFAULT}")
    if int(port) == 0:
        raise AdminUnreachable(f"{file}: `admin` has port 0, any free one: write the port to be asked at")
    return Place(host.strip("[]").lower(), int(port))


def ask(place: Place, page: str) -> Answer:
    """Ask for a page of the admin listener.

    Raises:
        AdminUnreachable: no gateway answers there.
    """
    ends_at_s = time.monotonic() + PATIENCE_S
    try:
        with _connected(place) as sock:
            sock.sendall(f"GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return _answer(place, _all_of(sock, ends_at_s))
    except (ConnectionRefusedError, FileNotFoundError):
        raise AdminUnreachable(
            f"{place}: nothing listens on the address of `admin`: no gateway runs"
        ) from None
    except PermissionError:
        raise AdminUnreachable(f"{place}: this user may not connect to the admin listener") from None
    except TimeoutError:
        raise AdminUnreachable(f"{place}: no response within {PATIENCE_S:g} s") from None
    except OSError as error:
        raise AdminUnreachable(f"{place}: {error.strerror or error}") from None


def _connected(place: Place) -> socket.socket:
    if place.path is None:
        return socket.create_connection((_ANY_HOST.get(place.host, place.host), place.port), PATIENCE_S)
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(PATIENCE_S)
        sock.connect(place.path)
    except BaseException:
        sock.close()
        raise
    return sock


def _all_of(sock: socket.socket, ends_at_s: float) -> bytes:
    content = bytearray()
    while len(content) < _MOST_BYTES:
        left_s = ends_at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        sock.settimeout(left_s)
        part = sock.recv(64 * 1024)
        if not part:
            break
        content += part
    return bytes(content)


def _answer(place: Place, content: bytes) -> Answer:
    head, _, body = content.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r|$)", head)
    try:
        page = json.loads(body)
    except ValueError:
        page = None
    if found is None or not isinstance(page, dict):
        raise AdminUnreachable(f"{place}: what listens there is not the admin listener of a gateway")
    return Answer(int(found[1]), page)
