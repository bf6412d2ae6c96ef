"""Who takes part, how each is started, and when it counts as ready."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

from bench import client, configs, envoy_config
from bench.compiled import RUN
from bench.processes import ROOT, Child, wait_until
from bench.scenarios import BROWSER, DPOP, LOG, PLAIN, TLS_LISTENER, TLS_UPSTREAM, Scenario
from bench.stage import Stage

_Argv: TypeAlias = tuple[str, ...]
_Command: TypeAlias = Callable[[Stage, configs.Front], _Argv | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Proxy:
    """A program that takes part; its command is None where it is absent."""

    name: str
    title: str
    command: _Command
    has_readiness: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Contestant:
    """A proxy under test, in one scenario."""

    proxy: Proxy
    scenario: Scenario = PLAIN

    @property
    def name(self) -> str:
        """Its name among all contestants."""
        return self.scenario.named(self.proxy.name)

    @property
    def title(self) -> str:
        """What it is called beside others in the same table."""
        return f"{self.proxy.title}, DPoP proofs" if self.scenario.proves else self.proxy.title

    @property
    def full_title(self) -> str:
        """What it is called where several scenarios share a table."""
        return self.title if self.lineup is PLAIN else f"{self.title}, {self.scenario.title}"

    @property
    def lineup(self) -> Scenario:
        """The scenario in whose company it is measured: that of its rival."""
        return PLAIN if self.scenario.proves else self.scenario

    @property
    def rival(self) -> str:
        """Whom its ratios are taken to: Envoy in the same scenario, or our own bearer tokens.

        Envoy makes no proofs (RFC 9449), so a gateway that does is compared with one that does not.
        """
        return self.proxy.name if self.scenario.proves else self.scenario.named("envoy")


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    """A contestant that has started and answered 200 through its upstream."""

    contestant: Contestant
    front: configs.Front
    child: Child
    ready_s: float

    @property
    def pid(self) -> int:
        """The process whose processor time and memory are measured."""
        return self.child.pid

    @property
    def url(self) -> str:
        """The URL of the small answer."""
        return self.front.url


def gateway_from(folder: pathlib.Path) -> _Command:
    """Return the command of a gateway whose package is in a folder: a checkout, or where it was compiled."""

    def command(stage: Stage, front: configs.Front) -> _Argv:
        config = stage.write(f"{front.client_id}.yaml", configs.gateway(stage.places, front))
        return (sys.executable, "-P", "-c", RUN, str(folder), "run", "-c", config)

    return command


def _compiled(stage: Stage, front: configs.Front) -> _Argv | None:
    folder = stage.programs.compiled
    return gateway_from(folder)(stage, front) if folder else None


def _envoy(stage: Stage, front: configs.Front) -> _Argv | None:
    config = stage.write(f"{front.client_id}.json", envoy_config.envoy(stage.places, front))
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    return (stage.programs.envoy, "-c", config, *options) if stage.programs.envoy else None


def _nginx(stage: Stage, front: configs.Front) -> _Argv:
    config = stage.write(f"{front.client_id}.conf", configs.proxy_nginx(stage.places, front))
    return (stage.programs.nginx, "-e", "stderr", "-c", config)


def _haproxy(stage: Stage, front: configs.Front) -> _Argv | None:
    config = stage.write(f"{front.client_id}.cfg", configs.haproxy(stage.places, front))
    return (stage.programs.haproxy, "-db", "-f", config) if stage.programs.haproxy else None


def _aiohttp(stage: Stage, front: configs.Front) -> _Argv:
    upstream = f"http://127.0.0.1:{stage.places.api}"
    return (sys.executable, "-m", "bench.plain_aiohttp", str(front.listen), upstream)


GATEWAY = Proxy("gateway", "gateway, pure Python", gateway_from(ROOT), has_readiness=True)
COMPILED = Proxy("gateway-compiled", "gateway, compiled", _compiled, has_readiness=True)
ENVOY = Proxy("envoy", "Envoy, credential_injector", _envoy)
NGINX = Proxy("nginx", "nginx, static header", _nginx)
HAPROXY = Proxy("haproxy", "HAProxy, static header", _haproxy)
AIOHTTP = Proxy("aiohttp", "plain aiohttp, static header", _aiohttp)
PROXIES = (GATEWAY, COMPILED, ENVOY, NGINX, HAPROXY, AIOHTTP)
BOTH = (GATEWAY, COMPILED)
"""The gateway both ways: what runs from the checkout, and what is installed where there is a compiler."""
PEERS = (*BOTH, ENVOY)
"""Those that do the same job."""
CONTESTANTS = (
    *(Contestant(proxy) for proxy in PROXIES),
    Contestant(GATEWAY, DPOP),
    *(Contestant(proxy, scenario) for scenario in (BROWSER, LOG) for proxy in PEERS),
    *(Contestant(proxy, scenario) for scenario in (TLS_UPSTREAM, TLS_LISTENER) for proxy in (*PEERS, NGINX)),
)


def start(stage: Stage, contestant: Contestant, front: configs.Front | None = None) -> Running | None:
    """Start a contestant and wait for its first 200, or return None if its program is absent.

    Raises:
        NotReadyError: it ended, or was not ready in time.

    """
    front = front or stage.front(contestant.name, contestant.scenario)
    argv = contestant.proxy.command(stage, front)
    if argv is None:
        return None
    child = stage.processes.start(contestant.name, argv, stage.proxy_cpu)
    ready_s = _wait(contestant, front, child)
    return Running(contestant, front, child, ready_s)


def _wait(contestant: Contestant, front: configs.Front, child: Child) -> float:
    def is_answered() -> bool:
        return client.status(front.listen, "/", is_tls=front.scenario.has_tls_listener) == 200

    def is_ready() -> bool:
        return client.status(front.admin, "/readyz") == 200

    if not contestant.proxy.has_readiness:
        return wait_until(is_answered, child)
    ready_s = wait_until(is_ready, child)
    wait_until(is_answered, child)
    return ready_s


@contextlib.contextmanager
def running(
    stage: Stage, contestant: Contestant, front: configs.Front | None = None
) -> Iterator[Running | None]:
    """Start a contestant for the length of a block."""
    started = start(stage, contestant, front)
    try:
        yield started
    finally:
        if started:
            stage.processes.stop(started.child)
