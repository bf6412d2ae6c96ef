"""The npm package oidc-provider: installed from the lock file, started with Node, ended by its process id.

It takes printable ASCII in ids and secrets and nothing else (RFC 6749 appendix A), so a letter like é, which
the gateway would encode in UTF-8, cannot be tried here.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.real.programs import START_S, Missing, find

FOLDER = Path(__file__).parents[1] / "authorization_servers"
INSTALL_S = 180.0
HAS_ALL = "process.exit(require('node:crypto').hash && URL.parse ? 0 : 1)"
NO_REGISTRY = frozenset(
    [
        "E401",
        "E403",
        "E404",
        "E429",
        "E500",
        "E502",
        "E503",
        "E504",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ECONNRESET",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "ENOTCACHED",
        "ENOTFOUND",
        "ERR_SOCKET_TIMEOUT",
        "ETIMEDOUT",
        "FETCH_ERROR",
    ]
)


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as the authorization server knows it (RFC 7591); `further` metadata may go without a secret."""

    client_id: str
    client_secret: str
    token_endpoint_auth_method: str
    lifetime_s: int = 600
    scope: str = "orders.read orders.write users.read"
    further: Mapping[str, object] = field(default_factory=dict)

    def metadata(self) -> dict[str, object]:
        known = {
            "client_id": self.client_id,
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "lifetime_s": self.lifetime_s,
            "scope": self.scope,
        }
        secret = {"client_secret": self.client_secret} if self.client_secret else {}
        grant = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
        return known | secret | grant | dict(self.further)


ODD = ":/?#[]@!$&'()*+,;=% \"<>\\^`{|}~"
BASIC = Registration(f"my:client{ODD}", f"p@ss+w%rd%20{ODD}", "client_secret_basic")
POST = Registration(f"post client{ODD}", f"s3cr%C3%A9t+{ODD}", "client_secret_post")
SHORT = Registration("short", "short-secret", "client_secret_basic", lifetime_s=2)
DYING = Registration("dying", "dying-secret", "client_secret_post", lifetime_s=4)
READER = Registration("reader", "reader-secret", "client_secret_basic", scope="orders.read")
UPSTREAM = Registration("upstream", "upstream-secret", "client_secret_basic")
REGISTRATIONS = (BASIC, POST, SHORT, DYING, READER, UPSTREAM)


def install() -> Path:
    """Run `npm ci` where the installed packages are missing or older than the lock file.

    Raises:
        Missing: there is no Node, an old one, no npm or no registry.
    """
    _judge(find("node", "nodejs"))
    npm = find("npm", "npm")
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        _install(npm)
    return FOLDER


def _judge(node: str) -> None:
    # The package states no `engines`, its dependencies ">= 18", and it calls two functions that came later.
    if subprocess.run([node, "-e", HAS_ALL], check=False).returncode:
        version = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        raise Missing(
            f"Node {version} is too old: oidc-provider calls crypto.hash and URL.parse (20.20 has both)"
        )


def _install(npm: str) -> None:
    try:
        done = subprocess.run(
            [npm, "ci"], cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm ci did not end within {INSTALL_S:g} s: the registry is out of reach") from None
    if done.returncode == 0:
        return
    code = re.search(r"^npm (?:error|ERR!) code (\S+)", done.stderr, re.MULTILINE)
    if code is not None and code[1] in NO_REGISTRY:
        raise Missing(f"npm ci failed with {code[1]}: no registry that has the packages of package-lock.json")
    raise AssertionError(f"npm ci failed:\n{done.stderr}")


class OidcProvider:
    """The authorization server, running between `__enter__` (or `start`) and `__exit__` (or `stop`).

    Started again it takes the same port and knows none of the tokens that it issued.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        registrations: Sequence[Registration] = REGISTRATIONS,
        tls: Mapping[str, str] | None = None,
        *,
        dpop: bool = True,
        secure: bool = False,
    ) -> None:
        self._folder = folder
        self._log = log
        self._registrations = registrations
        self._settings = {"tls": tls, "dpop": dpop, "secure": secure}
        self._scheme = "https" if secure else "http"
        self.tls_port = 0
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def issuer(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/token"

    @property
    def mtls_token_endpoint(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}/token"

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [find("node", "nodejs"), "provider.mjs"],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        clients = [registration.metadata() for registration in self._registrations]
        self._write({"port": self.port, "clients": clients} | self._settings)
        self.port, self.tls_port = (*map(int, self._await("ready").split()), 0)[:2]

    def register(self, *registrations: Registration, drop_tokens: bool = False) -> None:
        """Add or replace clients and, in the same instant, forget all access tokens if that is asked for."""
        clients = [registration.metadata() for registration in registrations]
        self._tell({"clients": clients, "drop_tokens": drop_tokens})

    def drop_tokens(self) -> None:
        """Forget all access tokens."""
        self.register(drop_tokens=True)

    def hold(self, *, holds: bool) -> None:
        """Let token requests wait from now on, or let them go."""
        self._tell({"holds": holds})

    def rotate(self) -> None:
        """Sign with a new key from now on, and go on publishing the others."""
        self._tell({"rotates": True})

    def requests(self, what: str) -> int:
        """How many requests came so far, of those that are named like `http POST /token`."""
        return self._tell({}).get(what, 0)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()

    def _tell(self, command: Mapping[str, object]) -> dict[str, int]:
        self._write(command)
        counts: dict[str, int] = json.loads(self._await("done"))
        return counts

    def _write(self, command: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _await(self, word: str) -> str:
        """Give what follows `word` in the next line that begins with it; its end, if none comes, fails."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        impatience = threading.Timer(START_S, process.kill)
        impatience.start()
        try:
            said = next((line for line in process.stdout if line.startswith(f"{word} ")), None)
        finally:
            impatience.cancel()
            impatience.join()
        if said is None:
            self.stop()
            end = f"did not say {word} and ended with {process.returncode}"
            raise AssertionError(f"the authorization server {end}:\n{self._log.read_text()}")
        return said.removeprefix(word)
