"""The ways to know a caller, at work: built from their settings, kept while those stay the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from gateway.access.api_keys import ApiKeys
from gateway.access.networks import Networks
from gateway.access.way import CredentialWay, PlaceWay
from gateway.core.access_settings import ApiKeyWay, NetworkWay, WaySettings
from gateway.core.caller import WayName
from gateway.core.clock import Clock
from gateway.core.oauth.named_secret import WatchedFile


class Ways:
    """The ways of one configuration.

    Args:
        settings: by name.
        clock: the process's.
        before: those of the configuration before; what is alike in both is kept.

    Attributes:
        credentials: those that look at what a caller adds to a request.
        places: those that look at where it comes from.
    """

    def __init__(
        self, settings: Mapping[WayName, WaySettings], clock: Clock, before: Ways | None = None
    ) -> None:
        self._settings = dict(settings)
        self._clock = clock
        self.credentials: dict[WayName, CredentialWay] = {}
        self.places: dict[WayName, PlaceWay] = {}
        for name, way in settings.items():
            if before is None or not before.keeps(self, way):
                self._make(name, way)

    def keeps(self, after: Ways, way: WaySettings) -> bool:
        """Hand a way on to the next configuration, if it is the same there."""
        if self._settings.get(way.name) != way:
            return False
        if (credential := self.credentials.get(way.name)) is not None:
            after.credentials[way.name] = credential
        if (place := self.places.get(way.name)) is not None:
            after.places[way.name] = place
        return True

    def has_same(self, names: Iterable[WayName], before: Ways) -> bool:
        """Whether these ways are the very ones that the configuration before had."""
        return all(
            self.credentials.get(name) is before.credentials.get(name)
            and self.places.get(name) is before.places.get(name)
            for name in names
        )

    def files(self) -> Iterator[tuple[str, WatchedFile]]:
        """Yield the files that decide about callers, each with the key that names it."""
        for name, way in self.credentials.items():
            if isinstance(way, ApiKeys):
                yield f"callers.{name}.api_key.file", way.file

    def _make(self, name: WayName, settings: WaySettings) -> None:
        match settings.way:
            case NetworkWay() as way:
                self.places[name] = Networks(name, way)
            case ApiKeyWay() as way:
                self.credentials[name] = ApiKeys(name, way, self._clock)
            case _:
                assert_never(settings.way)
