"""What may be special about a load: the same for everybody who is compared under it."""

from __future__ import annotations

import dataclasses

BROWSER_FIELDS = (
    "Connection: keep-alive",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://127.0.0.1/orders?page=2",
    "Cookie: session=0f8fad5b-d9cb-469f-a165-70867728950e; theme=dark; seen=8",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
)
"""Nine fields beside `Host`, as a browser sends them: `Connection` among them, as every browser says it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """How contestants are set up, and what their callers send; `suffix` makes names, such as `envoy-log`."""

    suffix: str
    title: str
    fields: tuple[str, ...] = ()
    logs: bool = False
    proves: bool = False
    has_tls_upstream: bool = False
    has_tls_listener: bool = False

    @property
    def label(self) -> str:
        """The word that chooses it on a command line."""
        return self.suffix or "plain"

    def named(self, program: str) -> str:
        """Return the name of a program's contestant in this scenario."""
        return f"{program}-{self.suffix}" if self.suffix else program


PLAIN = Scenario("", "plain HTTP, small heads")
BROWSER = Scenario("browser", "heads as a browser sends them", fields=BROWSER_FIELDS)
LOG = Scenario("log", "an access log, to a file", logs=True)
TLS_UPSTREAM = Scenario("tls-upstream", "TLS to the upstream", has_tls_upstream=True)
TLS_LISTENER = Scenario("tls-listener", "TLS from the callers", has_tls_listener=True)
DPOP = Scenario("dpop", "tokens bound to a key (DPoP)", proves=True)
