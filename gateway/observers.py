"""Who is told of requests and tokens: metrics, logs, and whoever runs the gateway in code."""

from __future__ import annotations

import asyncio

from gateway.core.http.access_record import RequestObserver
from gateway.core.oauth.token_events import TokenObserver
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.core.text.server_url import is_address, origin_of, url_host
from gateway.observe.access_log import AccessLog
from gateway.observe.fanout import Fanout, Observer
from gateway.observe.metrics import Metrics
from gateway.observe.token_log import TokenLog


class Observers:
    """The observers of a process.

    Attributes:
        access_log: None where none is kept.

    Raises:
        OSError: the file of the access log cannot be opened (only when made).
    """

    def __init__(
        self, settings: Settings, loop: asyncio.AbstractEventLoop, metrics: Metrics, other: Observer | None
    ) -> None:
        self._loop = loop
        self._metrics = metrics
        self._other = other
        self._log_settings = settings.log
        self.access_log = self._opened(settings)
        self._token_log = TokenLog(servers_of(settings), loop.call_later)
        self._expect(settings)

    def of_tokens(self) -> TokenObserver:
        """Return the one that tells all who want to know of tokens."""
        others = (self._other,) if self._other is not None else ()
        return Fanout((), (self._metrics.tokens, self._token_log, *others))

    def of_requests(self) -> RequestObserver | None:
        """Return the one that tells all who want to know of requests; None: nobody does."""
        observers = tuple(each for each in (self.access_log, self._other) if each is not None)
        return observers[0] if len(observers) == 1 else Fanout(observers, ()) if observers else None

    def access_log_for(self, settings: Settings) -> AccessLog | None:
        """Return the access log that `settings` want: the one in use, if theirs is the same.

        Raises:
            OSError: its file cannot be opened.
        """
        return self.access_log if settings.log == self._log_settings else self._opened(settings)

    def drop(self, access_log: AccessLog | None) -> None:
        """Close an access log that is not to be used after all."""
        if access_log is not None and access_log is not self.access_log:
            access_log.writer.close()

    def go_on(self, settings: Settings, access_log: AccessLog | None) -> None:
        """Go on under other settings; the access log before this one is for the caller to close."""
        self.access_log, self._log_settings = access_log, settings.log
        self._token_log.go_on(servers_of(settings))
        self._expect(settings)

    def dropped_records(self) -> int:
        """Return how many access records could not be written."""
        return self.access_log.writer.dropped if self.access_log is not None else 0

    def _opened(self, settings: Settings) -> AccessLog | None:
        if settings.log.access is None:
            return None
        return AccessLog(settings.log.access, settings.log.format, self._loop.call_later)

    def _expect(self, settings: Settings) -> None:
        """Start all series at zero, before anything happens."""
        self._metrics.resolutions.expect(names_in(settings))
        for client in settings.clients:
            self._metrics.tokens.client(client)


def names_in(settings: Settings) -> list[str]:
    """Return the names that the gateway will look up, as far as the configuration holds them."""
    upstreams = [place for route in settings.routes if _is_named(route) for place in _places(route)]
    urls = [url for client in settings.clients.values() for url in client.endpoints]
    hosts = [upstream.host for upstream in upstreams if upstream.socket_path is None] + [
        url_host(url) for url in urls
    ]
    return [host for host in dict.fromkeys(hosts) if host and not is_address(host)]


def _places(route: RouteSettings) -> list[UpstreamSettings]:
    return [route.upstream] if route.group is None else [each.place for each in route.group.addresses]


def _is_named(route: RouteSettings) -> bool:
    return route.instances is None


def servers_of(settings: Settings) -> dict[ClientName, str]:
    """Return where each client requests its tokens: its issuer, or the origin of its token endpoint."""
    grants = ((name, client.grant) for name, client in settings.clients.items())
    return {name: origin_of(grant.token_endpoint or grant.issuer or "") for name, grant in grants}
