"""The ways to know a caller, at work: built from their settings, kept while those stay the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from gateway.access.allowance import Allowance
from gateway.access.networks import Networks
from gateway.access.way import CredentialWay, Documents, Introspector, PlaceWay
from gateway.core.access.asked import Asked
from gateway.core.access.key_set_state import KeySetState
from gateway.core.caller import WayName
from gateway.core.clock import Clock
from gateway.core.oauth.named_secret import WatchedFile
from gateway.core.settings.access_settings import (
    ApiKeyWay,
    BasicWay,
    CertificateWay,
    IntrospectionWay,
    JwtWay,
    NetworkWay,
    WaySettings,
)
from gateway.core.settings.client_settings import ClientName, ClientSettings

if TYPE_CHECKING:
    from gateway.access.password_hashes import PasswordDesk


@dataclass(frozen=True, slots=True)
class WayParts:
    """What ways use of their process.

    Attributes:
        allowance: how many credentials are verified anew.
        introspector: makes what asks about tokens, or returns the one that there is.
    """

    clock: Clock
    documents: Documents
    allowance: Allowance
    introspector: Callable[[], Introspector]


class Ways:
    """The ways of one configuration.

    Args:
        settings: by name.
        parts: what they share with the ways before and after them.
        before: those of the configuration before; what is alike in both is kept.
        clients: those of ours that ask about tokens.

    Attributes:
        credentials: those that look at what a caller adds to a request.
        places: those that look at where it comes from.
        desk: verifies passwords, once there is a way that needs it; the same one after a reload.
    """

    def __init__(
        self,
        settings: Mapping[WayName, WaySettings],
        parts: WayParts,
        before: Ways | None = None,
        clients: Mapping[ClientName, ClientSettings] | None = None,
    ) -> None:
        self._settings = dict(settings)
        self._clients = clients or {}
        self._parts = parts
        self.desk: PasswordDesk | None = before.desk if before is not None else None
        self.credentials: dict[WayName, CredentialWay] = {}
        self.places: dict[WayName, PlaceWay] = {}
        for name, way in settings.items():
            if before is None or not before.keeps(self, way):
                self._make(name, way)

    def keeps(self, after: Ways, way: WaySettings) -> bool:
        """Hand a way on to the next configuration, if it is the same there."""
        if self._settings.get(way.name) != way or self.client_of(way) != after.client_of(way):
            return False
        if (credential := self.credentials.get(way.name)) is not None:
            after.credentials[way.name] = credential
        if (place := self.places.get(way.name)) is not None:
            after.places[way.name] = place
        return True

    def client_of(self, way: WaySettings) -> ClientSettings | None:
        """Return the client that asks about tokens for a way."""
        return self._clients.get(way.way.client) if isinstance(way.way, IntrospectionWay) else None

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
            yield from ((f"callers.{name}.{key}", file) for key, file in way.files())

    def states(self) -> Iterator[Mapping[str, object]]:
        """Yield what may be shown of each way, in the order of the configuration."""
        for name in self._settings:
            way = self.credentials.get(name) or self.places[name]
            yield {"caller": name, **way.state()}

    def key_sets(self) -> dict[str, KeySetState]:
        """Return how the keys of issuers stand, by way; those in files are not among them."""
        sets = ((name, way.key_set()) for name, way in self.credentials.items())
        return {name: state for name, state in sets if state is not None}

    def keep(self, asked: Asked) -> None:
        """Remember of callers what is asked about them, and what was asked before a reload."""
        for way in self.credentials.values():
            way.keep(asked)

    def start(self) -> None:
        """Fetch the keys that are missing, in the background."""
        for way in self.credentials.values():
            way.start()

    async def close(self, others: Sequence[Ways] = ()) -> None:
        """End what is under way; ways that any of `others` has go on."""
        kept = {id(way) for other in others for way in other.credentials.values()}
        for way in self.credentials.values():
            if id(way) not in kept:
                await way.close()

    def _tokens(self, name: WayName, settings: JwtWay) -> CredentialWay:
        # Loads the libraries for signatures: 10 MiB that a gateway without such a way does not need.
        from gateway.access.tokens import tokens_of  # noqa: PLC0415

        parts = self._parts
        return tokens_of(name, settings, parts.documents, parts.allowance, parts.clock)

    def _api_keys(self, name: WayName, settings: ApiKeyWay) -> CredentialWay:
        from gateway.access.api_keys import ApiKeys  # noqa: PLC0415 - likewise, if much less

        return ApiKeys(name, settings, self._parts.clock)

    def _introspected(self, settings: WaySettings, way: IntrospectionWay) -> CredentialWay:
        from gateway.access.introspection_way import IntrospectedTokens, Questions  # noqa: PLC0415 - likewise

        parts, client = self._parts, self.client_of(settings)
        assert client is not None, "callers_rules finds a client that is not there"
        questions = Questions(parts.introspector(), client, way.endpoint)
        return IntrospectedTokens(settings.name, way, questions, parts.allowance, parts.clock)

    def _certificates(self, name: WayName, settings: CertificateWay) -> PlaceWay:
        from gateway.access.certificates import Certificates  # noqa: PLC0415 - it loads cryptography

        return Certificates(name, settings, self._parts.clock.wall_s)

    def _passwords(self, name: WayName, settings: BasicWay) -> CredentialWay:
        from gateway.access.basic import Basic  # noqa: PLC0415 - likewise
        from gateway.access.password_hashes import PasswordDesk  # noqa: PLC0415

        self.desk = self.desk or PasswordDesk()
        return Basic(name, settings, self.desk, self._parts.clock)

    def _make(self, name: WayName, settings: WaySettings) -> None:
        match settings.way:
            case NetworkWay() as way:
                self.places[name] = Networks(name, way)
            case CertificateWay() as way:
                self.places[name] = self._certificates(name, way)
            case ApiKeyWay() as way:
                self.credentials[name] = self._api_keys(name, way)
            case BasicWay() as way:
                self.credentials[name] = self._passwords(name, way)
            case IntrospectionWay() as way:
                self.credentials[name] = self._introspected(settings, way)
            case JwtWay() as way:
                self.credentials[name] = self._tokens(name, way)
            case _:
                assert_never(settings.way)
