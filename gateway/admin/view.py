"""What the admin listener shows: values and callables without secrets, which `gateway.app` supplies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.settings.client_settings import ClientName

State = Mapping[str, object]
"""The JSON state of one client or route: numbers, texts, lists and such mappings."""


@dataclass(frozen=True, slots=True)
class MissingToken:
    """A client that a route needs and that has not had a token.

    Attributes:
        error: the code of its last failure, or None while its first token request runs.
        retry_in_s: until the next token request; None: one is running.
        is_required: the gateway is not ready without it.
    """

    client: ClientName
    error: str | None = None
    retry_in_s: float | None = None
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests should be sent here, and if not, why.

    Attributes:
        is_starting: nobody accepts callers yet, or for the moment; known only where there are workers.
    """

    is_draining: bool = False
    missing: tuple[MissingToken, ...] = ()
    is_starting: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether every required client has had a token and the process is not draining."""
        return not self.is_draining and not self.is_starting and not self.awaited

    @property
    def awaited(self) -> tuple[MissingToken, ...]:
        """Those without which it is not ready."""
        return tuple(one for one in self.missing if one.is_required)


@dataclass(frozen=True, slots=True)
class AdminView:
    """What each request to the admin listener asks.

    Attributes:
        clients, routes, callers, tunnels, upstreams, metrics: made as they are iterated, a part at a time.
        config: how the configuration stands.
        prepare_metrics: to be called before `metrics`, in any thread, for it takes longer than a part.
        key_set: the public keys that verify the JWTs that tell upstreams who calls.
        stale: those whose deadlines nobody looks at any more; empty while all is well.
    """

    readiness: Callable[[], Readiness]
    clients: Callable[[], Iterable[State]]
    routes: Callable[[], Iterable[State]]
    metrics: Callable[[], Iterator[bytes]]
    config: Callable[[], State]
    prepare_metrics: Callable[[], None] | None = None
    stale: Callable[[], tuple[str, ...]] = tuple
    callers: Callable[[], Iterable[State]] = tuple
    tunnels: Callable[[], Iterable[State]] = tuple
    upstreams: Callable[[], Iterable[State]] = tuple
    key_set: Callable[[], Sequence[State]] = tuple
