"""Models -> settings of groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from gateway.config.tls.tls_build import with_tls
from gateway.config.upstreams.upstreams_model import CheckModel, GroupModel
from gateway.config.values.strict import given
from gateway.config.values.urls import forward_proxy
from gateway.core.settings.balance_settings import (
    ALIVE,
    CheckSettings,
    EjectSettings,
    QueueSettings,
    RetrySettings,
)
from gateway.core.settings.forward_proxy import proxy_to
from gateway.core.settings.upstream_settings import (
    AddressSettings,
    GroupName,
    GroupSettings,
    Scheme,
    UpstreamSettings,
)


@dataclass(frozen=True, slots=True)
class UsedGroup:
    """What routes take from their group."""

    settings: GroupSettings
    base_path: str


def group_settings(groups: Mapping[str, GroupModel], folder: Path) -> dict[GroupName, UsedGroup]:
    """Build all groups, by name."""
    return {GroupName(name): _group(GroupName(name), group, folder) for name, group in groups.items()}


def _group(name: GroupName, group: GroupModel, folder: Path) -> UsedGroup:
    settings = GroupSettings(
        name,
        tuple(_addresses(group, folder)),
        eject=_eject(group),
        retry=_retry(group),
        queue=QueueSettings(**given(group.queue)),
        check=_check(group.check),
        **given(group, "balance", "resolve_s", "max_requests"),
    )
    return UsedGroup(settings, group.addresses[0].url.base_path)


def _eject(group: GroupModel) -> EjectSettings | None:
    is_off = group.eject is None and "eject" in group.model_fields_set
    return None if is_off else EjectSettings(**given(group.eject))


def _retry(group: GroupModel) -> RetrySettings:
    is_off = group.retry is None and "retry" in group.model_fields_set
    return RetrySettings(tries=0) if is_off else RetrySettings(**given(group.retry))


def _check(check: CheckModel | None) -> CheckSettings | None:
    if check is None:
        return None
    expect = ALIVE if check.expect is None else frozenset(chain.from_iterable(check.expect))
    return CheckSettings(**given(check) | {"expect": expect})


def _addresses(group: GroupModel, folder: Path) -> Iterator[AddressSettings]:
    proxy = forward_proxy(group.proxy, group.no_proxy) if group.proxy is not None else None
    for each in group.addresses:
        own = with_tls(each.url.settings, group.tls, folder)
        service = _service(own, group)
        place = replace(
            own,
            server_name=service.verified_name if own.scheme is Scheme.HTTPS else None,
            proxy=proxy_to(proxy, own.host, own.port),
        )
        yield AddressSettings(service, place, each.weight or 1, each.backup)


def _service(own: UpstreamSettings, group: GroupModel) -> UpstreamSettings:
    named = group.name
    if named is None:
        return own
    usual = 443 if own.scheme is Scheme.HTTPS else 80
    return replace(own, host=named.host, port=named.port or usual)
