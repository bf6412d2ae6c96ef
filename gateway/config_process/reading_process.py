"""The process that reads a configuration: one request, one result, and its end."""

from __future__ import annotations

import gc
import os
import signal
import traceback
from contextlib import suppress
from typing import BinaryIO

from gateway.config_process.conversation import Crashed, Request
from gateway.packing import packed, unpacked
from gateway.system.hardening import keep_memory_private


def main(link: BinaryIO) -> None:
    """Read what the gateway asks for, tell it, and end.

    Args:
        link: the socket to the gateway; the list of `sys.path` was read from it.
    """
    keep_memory_private()  # before it holds anything secret
    gc.disable()
    content = _result(link.read())
    with suppress(OSError), open(link.fileno(), "wb", closefd=False) as answer:
        answer.write(content)
    os._exit(0)  # there is nothing to clean up, and the gateway waits for the end


def _result(content: bytes) -> bytes:
    try:
        request = unpacked(content)
        assert isinstance(request, Request)
        signal.alarm(int(request.patience_s) + 1)  # should the gateway be gone, too
        from gateway.config_reading import reading  # noqa: PLC0415 - it loads what this process is for

        return packed(reading(request.place, request.environ))
    except Exception:  # noqa: BLE001 - the top of this process
        return packed(Crashed(traceback.format_exc()))
