"""How many workers there are, and each one's share of the limits.

Rules: limits in `gateway.yaml` are for the whole gateway, however many workers it has. What counts things
that each worker has of its own (connections, buffers, replays, requests of a group) is divided and rounded
up, so that no share is nothing. `auto` means as many workers as the processor time that the gateway may use,
rounded down.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import GroupSettings


def share_of(limits: Limits, workers: int) -> Limits:
    """Return the limits of one of several workers."""
    return replace(
        limits,
        connections=ceil(limits.connections / workers),
        tunnels=ceil(limits.tunnels / workers),
        buffers_bytes=ceil(limits.buffers_bytes / workers),
        replay_total_bytes=max(limits.replay_bytes, ceil(limits.replay_total_bytes / workers)),
    )


def route_of_worker(route: RouteSettings, workers: int) -> RouteSettings:
    """Return a route as one of several workers has it: its group serves a share of the requests."""
    group = route.group
    if group is None or group.max_requests is None:
        return route
    queue = replace(group.queue, length=ceil(group.queue.length / workers))
    return _with_group(route, replace(group, max_requests=ceil(group.max_requests / workers), queue=queue))


def route_of_keeper(route: RouteSettings) -> RouteSettings:
    """Return a route as the process has it that serves none: the workers check the addresses of its group."""
    group = route.group
    if group is None or group.check is None:
        return route
    return _with_group(route, replace(group, check=None))


def _with_group(route: RouteSettings, group: GroupSettings) -> RouteSettings:
    tenants = route.tenants
    if tenants is not None:
        tenants = replace(
            tenants,
            routes=tuple((value, replace(each, group=group)) for value, each in tenants.routes),
            default=replace(tenants.default, group=group) if tenants.default is not None else None,
        )
    return replace(route, group=group, tenants=tenants)


def quota_of(cpu_max: str) -> float | None:
    """Read ``cpu.max`` of a cgroup, in processors; None where there is no quota or no sense in it."""
    try:
        quota, period = cpu_max.split()
        return int(quota) / int(period) if quota != "max" and int(period) > 0 else None
    except ValueError:
        return None


def automatic(quotas: list[float | None], processors: int) -> int:
    """Return how many workers `auto` means under these quotas, and on so many processors."""
    stated = [quota for quota in quotas if quota is not None]
    return max(1, min(int(min(stated, default=processors)), processors))
