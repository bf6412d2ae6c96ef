"""What the tests of the configuration share: an environment, a valid document, and loading from text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.config import ConfigError, load
from gateway.core.settings.all_settings import Settings

SECRET = "hunter2-hunter2"
ENVIRON: Mapping[str, str] = {"SECRET": SECRET, "EMPTY": "", "MULTILINE": f"{SECRET}\n{SECRET}"}

CLIENT = "{token_endpoint: 'https://login.example.com/t', client_id: me, client_secret: '${env:SECRET}'}"
CRM = f"clients: {{crm: {CLIENT}}}\n"
ROUTE = "routes: [{path: /, upstream: 'http://127.0.0.1:9500'}]\n"


def load_text(text: str, environ: Mapping[str, str] = ENVIRON) -> Settings:
    """Load a text as if it were `gateway.yaml`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ)


def problems_of(text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Give what is wrong with a text, as ``line:column: path: message``."""
    try:
        load_text(text, environ)
    except ConfigError as error:
        return [str(problem).partition("gateway.yaml:")[2] for problem in error.problems]
    return []
