"""Settings as bytes, for another process of this gateway: ``settings -> bytes -> settings``.

The configuration is read in a process of its own, and workers get theirs from the supervisor. Both ends run
the same code, and nobody else has the pipe between them.

Rules:

- This is the only way in which a `Secret` is pickled. The bytes are as secret as what they hold: they go
  through a pipe or a socket of our own, never to a disk, a command line or an environment.
- What arrives is equal to what was packed, and what was one object is one object again. A reader of a secret
  that comes from a file arrives with the text that was read, and reads the file again once it changes.
- Nothing of `config` arrives, so that whoever unpacks loads no reader of YAML: a text of a class of its own
  arrives as a plain one.
- Only classes of ours and a few of the standard library are made of bytes, never a function.
- Values of ours travel without the names of their members, which go ahead: after an upgrade under a running
  gateway, the process that reads has other classes than the one that asked, and a value would end up in
  another member.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from gateway.core.secret import Secret
from gateway.core.text.plain_text import field_value, lines, text

_STANDARD: Final = {
    "builtins": {"frozenset", "set", "str"},
    "copyreg": {"_reconstructor"},
    "datetime": {"datetime", "timedelta", "timezone"},
    "ipaddress": {"IPv4Address", "IPv4Network", "IPv6Address", "IPv6Network"},
    "pathlib": {"PosixPath", "PurePosixPath"},
    "pathlib._local": {"PosixPath", "PurePosixPath"},
}
_CHECKS: Final = (text, lines, field_value)
"""The only functions in settings: what the text of a file must be."""


class CannotPack(TypeError):
    """Something in the settings has no bytes; the message names its class."""


def packed(settings: object) -> bytes:
    """Return settings, or anything that is made of them, as bytes.

    Raises:
        CannotPack: a function or an object of no known class is in them.
    """
    file = io.BytesIO()
    packer = _Packer(file, pickle.HIGHEST_PROTOCOL)
    try:
        packer.dump(settings)
    except (AttributeError, pickle.PicklingError, TypeError) as error:
        raise CannotPack(str(error)) from error
    members = {(kind.__module__, kind.__qualname__): _members(kind) for kind in packer.kinds}
    return pickle.dumps(members, pickle.HIGHEST_PROTOCOL) + file.getvalue()


def unpacked(content: bytes) -> Any:
    """Return what was packed; `content` comes from a process of this gateway.

    Raises:
        CannotPack: it holds something that is never packed, or is cut short.
    """
    file = io.BytesIO(content)
    try:
        _refuse_others(_Unpacker(file).load())
        return _Unpacker(file).load()
    except (AttributeError, EOFError, ImportError, IndexError, ValueError, pickle.UnpicklingError) as error:
        raise CannotPack(str(error)) from error


def _members(kind: type) -> tuple[str, ...]:
    """Return the names of the members whose values are sent without them."""
    if is_dataclass(kind):
        return tuple(member.name for member in fields(kind))
    return tuple(getattr(kind, "_fields", ()))  # of a NamedTuple


def _refuse_others(members: object) -> None:
    """Refuse values of a class that has other members here."""
    if not isinstance(members, dict):
        raise pickle.UnpicklingError("it was not packed")
    for (module, name), names in members.items():
        if _members(_found(module, name)) != names:
            raise CannotPack(f"{name} is of another version of the gateway: restart it")


def _found(module: str, name: str) -> Any:
    return _Unpacker(io.BytesIO()).find_class(module, name)


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.kinds: set[type] = set()

    def reducer_override(self, value: Any) -> Any:
        """Reduce what pickle refuses, or would send as something that the other side does not load."""
        if not isinstance(value, type):
            self._note(type(value))
        if type(value) is Secret:
            return Secret, (value.reveal(),)
        if isinstance(value, Enum):  # which Python 3.11 sends as a call of `getattr`
            return type(value), (value.value,)
        if isinstance(value, str):
            return str, (str(value),)
        return NotImplemented

    def _note(self, kind: type) -> None:
        if kind not in self.kinds and kind.__module__.startswith("gateway.") and _members(kind):
            self.kinds.add(kind)


class _Unpacker(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Find a class, or refuse."""
        if name in _STANDARD.get(module, ()):
            return super().find_class(module, name)
        if module.startswith("gateway.") and not module.startswith("gateway.config."):
            found = super().find_class(module, name)
            if isinstance(found, type) or found in _CHECKS:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is never packed")
