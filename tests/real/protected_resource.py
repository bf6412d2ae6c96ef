"""An upstream that nobody here wrote: the npm package oauth4webapi behind Node's HTTP server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.programs import find


@contextmanager
def protected_resource(folder: Path, issuer: str, audience: str) -> Iterator[str]:
    """Give the URL of a resource that takes bound tokens of `issuer`, each with a proof of its own."""
    process = subprocess.Popen(
        [find("node", "nodejs"), "resource.mjs", issuer, audience],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        word, _, port = process.stdout.readline().partition(" ")
        assert word == "ready", "the protected resource did not start"
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
        process.stdout.close()
