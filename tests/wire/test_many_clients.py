"""Two hundred clients with certificates of their own: what is done for one of them delays nobody else.

Delays are told by the CPU that the loop's thread spent between two ticks: other programs on the machine
lengthen the time between them, not that.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import ssl
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.core.oauth.token_events import Reason
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import LogSettings, Settings
from gateway.core.settings.client_settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    Reach,
    TlsFiles,
)
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import authorization_server
from tests.oauth.certificates import make_certificate
from tests.wire.rig import LOOPBACK, Told

CLIENTS = 200
MOST_S = 0.15
"""Two hundred contexts cost twice as much on a quiet machine; a turn of the loop takes a fifth of this."""

WAIT_S = 60.0


class Volume:
    """Files of a Kubernetes secret: links through ``..data``, which is renamed over when anything changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = 0
        (folder / "v0").mkdir()
        self._make_pairs("v0")
        make_pair(folder / "v0" / "ca")
        (folder / "..data").symlink_to("v0")

    def pair(self, number: int) -> TlsFiles:
        there = self._folder / "..data" / f"client-{number}"
        return TlsFiles(str(there / "certificate.pem"), str(there / "key.pem"))

    @property
    def ca(self) -> TlsFiles:
        there = self._folder / "..data" / "ca"
        return TlsFiles(str(there / "certificate.pem"), str(there / "key.pem"))

    def _make_pairs(self, version: str) -> None:
        for number in range(CLIENTS):
            make_pair(self._folder / version / f"client-{number}")

    def _next(self) -> Path:
        before, self._version = self._folder / f"v{self._version}", self._version + 1
        shutil.copytree(before, self._folder / f"v{self._version}")
        return self._folder / f"v{self._version}"

    def _swap(self) -> None:
        (self._folder / "..new").symlink_to(f"v{self._version}")
        (self._folder / "..new").rename(self._folder / "..data")

    def renew_certificates(self) -> None:
        self._make_pairs(self._next().name)
        self._swap()

    def add_an_authority(self) -> None:
        ca = self._next() / "ca" / "certificate.pem"
        ca.write_bytes(ca.read_bytes() + Path(make_pair(self._folder / "another").certificate).read_bytes())
        self._swap()


def make_pair(folder: Path) -> TlsFiles:
    folder.mkdir(exist_ok=True)
    return TlsFiles(*map(str, make_certificate(folder, folder.name)))


@dataclass
class Ticks:
    """The most CPU that the loop's thread spent between two ticks, in which nobody else had a turn."""

    most_s: float = 0.0
    last_s: float = 0.0

    def begin(self) -> None:
        self.most_s, self.last_s = 0.0, time.thread_time()

    async def run(self) -> None:
        self.begin()
        while True:
            await asyncio.sleep(0.001)
            now_s = time.thread_time()
            self.most_s, self.last_s = max(self.most_s, now_s - self.last_s), now_s


@dataclass
class Stage:
    gateway: Gateway
    told: Told
    ticks: Ticks
    volume: Volume

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.005)

    def is_up_to_date(self) -> bool:
        known = self.gateway._trust._contexts
        return all(self.gateway._trust.is_newest(each, known[each].context) for each in known)


@pytest.fixture(autouse=True)
def small_heap() -> Iterator[None]:
    """What the tests' process holds besides is looked through by no garbage collection meanwhile."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@asynccontextmanager
async def stage(folder: Path):
    volume, told, ticks = Volume(folder), Told(), Ticks()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(volume.ca.certificate, volume.ca.key)
    async with authorization_server(context) as server:
        settings = settings_of(f"{server.origin}/token", volume)
        gateway = Gateway(settings, told)
        ticking = asyncio.create_task(ticks.run())
        await asyncio.sleep(0)
        try:
            await gateway.start()
            yield Stage(gateway, told, ticks, volume)
        finally:
            ticking.cancel()
            await gateway.close()


def settings_of(token_endpoint: str, volume: Volume) -> Settings:
    clients, routes = {}, []
    for number in range(CLIENTS):
        name, ours = ClientName(f"c{number}"), volume.pair(number)
        grant = Grant(name, token_endpoint, "me", AuthMethod.TLS_CLIENT_AUTH, certificate=ours)
        clients[name] = ClientSettings(grant, (lambda: Secret(""),), Reach(ca_file=volume.ca.certificate))
        upstream = UpstreamSettings(
            Scheme.HTTPS, "127.0.0.1", number + 1, ca_file=volume.ca.certificate, certificate=ours
        )
        routes.append(RouteSettings(RouteName(name), f"/{name}", upstream, grant=grant))
    return Settings(
        listeners=(ListenerSettings(LOOPBACK),),
        admin=None,
        clients=clients,
        routes=tuple(routes),
        log=LogSettings(access=None),
        grace_s=0.0,
    )


async def test_no_start_rotation_or_swap_of_two_hundred_clients_stops_the_loop(tmp_path: Path):
    async with stage(tmp_path) as on:
        await on.until(lambda: len(on.told.obtained) == CLIENTS)
        assert on.ticks.most_s < MOST_S, "at the start"

        on.volume.renew_certificates()
        on.ticks.begin()
        await on.until(lambda: len(on.told.obtained) == 2 * CLIENTS)
        assert on.ticks.most_s < MOST_S, "at a rotation"
        assert on.told.reasons[CLIENTS:] == [Reason.REPLACED] * CLIENTS

        on.volume.add_an_authority()
        on.ticks.begin()
        await on.until(on.is_up_to_date)
        assert on.ticks.most_s < MOST_S, "at a swap of all files"
        assert len(on.told.reasons) == 2 * CLIENTS, "no certificate was replaced"


async def test_two_hundred_contexts_that_are_wanted_at_once_are_built_beside_the_loop(tmp_path: Path):
    volume, trust, ticks = Volume(tmp_path), Trust(), Ticks()
    wanted = [TrustSettings(volume.ca.certificate, volume.pair(number)) for number in range(CLIENTS)]
    ticking = asyncio.create_task(ticks.run())
    for _ in range(2):
        ticks.begin()
        contexts = await asyncio.gather(*map(trust.fresh, wanted))
        assert ticks.most_s < MOST_S
        assert len(set(contexts)) == CLIENTS
        volume.renew_certificates()
    ticking.cancel()


async def test_contexts_that_are_replaced_are_let_go(tmp_path: Path):
    """Memory does not grow over rotations: of each context there is one, whatever was there before."""
    volume, trust = Volume(tmp_path), Trust()
    wanted = [TrustSettings(volume.ca.certificate, volume.pair(number)) for number in range(CLIENTS)]
    seen: list[weakref.ref[ssl.SSLContext]] = []
    for _ in range(3):
        seen += [weakref.ref(await trust.fresh(each)) for each in wanted]
        volume.renew_certificates()
    gc.collect()
    assert sum(each() is not None for each in seen) == CLIENTS


async def test_contexts_are_shared_where_their_files_hold_the_same(tmp_path: Path):
    """A copy of the same certificate and authorities in the folder of each client costs nothing."""
    ours, trust = make_pair(tmp_path / "ours"), Trust()
    contexts = []
    for number in range(20):
        folder = shutil.copytree(tmp_path / "ours", tmp_path / f"copy-{number}")
        copy = TlsFiles(str(folder / "certificate.pem"), str(folder / "key.pem"))
        contexts.append(await trust.fresh(TrustSettings(copy.certificate, copy)))
    assert set(contexts) == {await trust.fresh(TrustSettings(ours.certificate, ours))}
