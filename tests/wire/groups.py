"""A gateway in front of a group of upstream addresses, each a fake of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

from gateway.core.settings.balance_settings import BalanceSettings
from gateway.core.settings.upstream_settings import (
    AddressSettings,
    GroupName,
    GroupSettings,
    Scheme,
    UpstreamSettings,
)
from tests.wire.rig import Rig
from tests.wire.servers import FakeUpstream


def at(port, host="127.0.0.1", *, ca_file=None, **members):
    scheme = Scheme.HTTP if ca_file is None else Scheme.HTTPS
    place = UpstreamSettings(scheme, host, port, ca_file=ca_file)
    return AddressSettings(place, place, **members)


def group_of(*addresses, balance=None, **members):
    return GroupSettings(GroupName("orders"), tuple(addresses), balance or BalanceSettings(), **members)


def route_to(rig, group, path="/", **members):
    return rig.route(path, upstream=group.addresses[0].service, group=group, **members)


class Backends:
    """Several fake upstreams; `close` and `start` of each kill it and bring it back at its port."""

    def __init__(self, count, script=None):
        self.all = [FakeUpstream(script) for _ in range(count)]

    def __getitem__(self, index):
        return self.all[index]

    @property
    def counts(self):
        """How many requests each has had."""
        return [len(each.requests) for each in self.all]

    @property
    def connections(self):
        return [each.connections for each in self.all]

    def group(self, ca_file=None, **members):
        return group_of(*(at(each.port, ca_file=ca_file) for each in self.all), **members)


@asynccontextmanager
async def grouped(count=3, script=None, *, group=None, route=None, tls=None, **members):
    """A rig whose one route leads to a group of `count` fake upstreams, and these; `tls` is their context."""
    backends = Backends(count, script)
    async with AsyncExitStack() as stack:
        for each in backends.all:
            await each.start(tls)
            stack.push_async_callback(each.close)
        made = backends.group(**(group or {}))
        rig = Rig(
            routes=lambda rig: [route_to(rig, made, **({"has_token": False} | (route or {})))], **members
        )
        yield await stack.enter_async_context(rig), backends
