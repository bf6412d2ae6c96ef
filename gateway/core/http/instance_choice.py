"""Which upstream a credential names, if the route allows it.

Rules: the name comes from another server, and a credential goes where it points (server-side request forgery,
CWE-918). So it must be a plain ``https`` URL of a server in the route's list, with nothing in it that two
readers could read differently: no user, query or fragment, no dot segments, no characters that need encoding.
Whatever else it is, nothing is sent.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gateway.core.errors import InstanceNotAllowed
from gateway.core.settings.forward_proxy import proxy_to
from gateway.core.settings.instances import InstanceSettings
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.token import Token

_LONGEST: Final = 2048
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_SERVER: Final = rf"(?P<host>{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[1-9][0-9]{{0,4}}))?"
_PATH: Final = r"(?P<path>(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*)/?"
_HOST: Final = re.compile(_SERVER)
_URL: Final = re.compile(rf"(?P<scheme>https?)://{_SERVER}{_PATH}")
_PORTS: Final = {Scheme.HTTPS: 443, Scheme.HTTP: 80}


def instance_of(route: RouteSettings, token: Token) -> RouteSettings:
    """Return the settings of the route, with the upstream that the credential names.

    Raises:
        InstanceNotAllowed: it names none, or one that the route does not allow.
    """
    wanted, grant = route.instances, route.grant
    assert wanted is not None
    assert grant is not None
    named = dict(token.parts).get(wanted.part)
    found = _read(named, wanted) if named is not None and len(named) <= _LONGEST else None
    if found is None:
        words = "is missing, or is no plain URL of a server"
        raise InstanceNotAllowed(f"client {grant.client}: the part {wanted.part} {words}")
    ours = route.upstream.scheme
    host, port = found["host"].lower(), int(found["port"] or _PORTS[ours])
    is_ours = found.get("scheme", ours.value) == ours.value
    if not (is_ours and any(one.admits(host, port) for one in wanted.allowed)):
        words = "names a server that is not among the route's `instances`"
        raise InstanceNotAllowed(f"client {grant.client}: the part {wanted.part} {words}")
    proxy = proxy_to(route.upstream.proxy, host, port)
    upstream = replace(route.upstream, host=host, port=port, proxy=proxy)
    return replace(
        route, upstream=upstream, base_path=(found.get("path") or "") + route.base_path, instances=None
    )


def _read(named: str, wanted: InstanceSettings) -> dict[str, str] | None:
    match = (_HOST if wanted.is_host else _URL).fullmatch(named)
    return None if match is None else match.groupdict(default="")
