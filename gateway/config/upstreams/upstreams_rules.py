"""What must fit together in a group of addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.problems import Loc, Mistake
from gateway.config.upstreams.upstreams_model import AddressModel, GroupModel
from gateway.config.values.urls import forward_proxy
from gateway.core.settings.forward_proxy import proxy_to
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.text.server_url import is_address

_ONE_SCHEME: Final = (
    "all addresses of a group have one scheme, here {}: write the others as a group of their own"
)
_ONE_PATH: Final = "all addresses of a group have one path, here {}: write the others as a group of their own"
_TWICE: Final = "this address is in the list already: remove it, or write a weight"
_ONLY_BACKUPS: Final = "every address is a backup, of nothing: remove backup from one at least"
_SHOWN: Final = {Scheme.HTTP: "http://", Scheme.HTTPS: "https://", Scheme.UNIX: "unix:"}
_NO_LIMIT: Final = "nothing waits without max_requests: add that, or remove this key"
_NO_NAMES: Final = "has no effect: no address of the group has a host name that is looked up"
NO_PROXY: Final = "has no effect without `proxy`: add that, or remove this key"
TO_A_SOCKET: Final = "no proxy leads to a unix socket: remove it"
_NO_TLS: Final = "has no effect unless the addresses are https://"


def upstreams_findings(groups: Mapping[str, GroupModel | None], wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield what does not fit together; of lists that are `wrong` nobody knows what was meant."""
    for name, group in groups.items():
        loc: Loc = ("upstreams", name)
        if group is None or loc in wrong:
            continue
        if group.queue is not None and group.max_requests is None and (*loc, "max_requests") not in wrong:
            yield Mistake((*loc, "queue"), _NO_LIMIT, is_about_key=True)
        if group.no_proxy is not None and group.proxy is None and (*loc, "proxy") not in wrong:
            yield Mistake((*loc, "no_proxy"), NO_PROXY, is_about_key=True)
        if (*loc, "addresses") not in wrong and group.addresses:
            yield from _addresses((*loc, "addresses"), group)
            if group.resolve_s is not None and not any(
                _is_looked_up(each, group) for each in group.addresses
            ):
                yield Mistake((*loc, "resolve"), _NO_NAMES, is_about_key=True)
            if group.proxy is not None and group.addresses[0].url.settings.scheme is Scheme.UNIX:
                yield Mistake((*loc, "proxy"), TO_A_SOCKET, is_about_key=True)
            is_tls = group.addresses[0].url.settings.scheme is Scheme.HTTPS
            if group.tls is not None and not is_tls:
                yield Mistake((*loc, "tls"), _NO_TLS, is_about_key=True)


def _is_looked_up(address: AddressModel, group: GroupModel) -> bool:
    settings = address.url.settings
    proxy = forward_proxy(group.proxy, group.no_proxy) if group.proxy is not None else None
    is_behind = proxy_to(proxy, settings.host, settings.port) is not None
    return settings.scheme is not Scheme.UNIX and not is_behind and not is_address(settings.host)


def _addresses(loc: Loc, group: GroupModel) -> Iterator[Mistake]:
    first = group.addresses[0].url
    seen = []
    for index, each in enumerate(group.addresses):
        url, here = each.url, (*loc, index)
        if url.settings.scheme is not first.settings.scheme:
            yield Mistake(here, _ONE_SCHEME.format(_SHOWN[first.settings.scheme]))
        elif url.base_path != first.base_path:
            yield Mistake(here, _ONE_PATH.format(first.base_path or "/"))
        elif url in seen:
            yield Mistake(here, _TWICE)
        seen.append(url)
    if all(each.backup for each in group.addresses):
        yield Mistake(loc, _ONLY_BACKUPS)
