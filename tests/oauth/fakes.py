"""What a source meets in these tests: an endpoint that follows a script, an observer that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace

from gateway.core.clock import Clock
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    Reason,
    ScopeReduced,
    TokenEvent,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, Grant, Reach
from gateway.core.token import Token
from gateway.oauth.endpoint import TokenEndpoint
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.maker import Maker
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.tls.trust import Trust

CRM = ClientName("crm")
CLIENT_SECRET = "hunter2-the-client-secret"
WALL_S = 1_700_000_000.0
DOWN = Failed(FailureKind.UNREACHABLE, "the authorization server cannot be reached")
REFUSED = Failed(
    FailureKind.REFUSED, "the authorization server answered 401 invalid_client", "invalid_client"
)
KEY = b"k" * 32
REACH = frozenset(field.name for field in fields(Reach))


def client_settings(token_endpoint: str = "http://127.0.0.1:1/token", **members: object) -> ClientSettings:
    grant = Grant(CRM, token_endpoint, "mobile_android", AuthMethod.CLIENT_SECRET_BASIC, scope=("a", "b"))
    reach = {name: members.pop(name) for name in REACH if name in members}
    client = ClientSettings(grant, (lambda: Secret(CLIENT_SECRET),), replace(Reach(), **reach))
    return replace(client, **members)


def loop_clock(jitter: float = 0.0) -> Clock:
    return Clock(now_s=asyncio.get_running_loop().time, wall_s=lambda: WALL_S, jitter=lambda: jitter)


def new_endpoint(events: Events | None = None, **members: object) -> TokenEndpoint:
    """A real one; close it in the end."""
    return TokenEndpoint(loop_clock(), events or Events(), Trust(), **members)


class Wall:
    """A wall clock that goes on with the loop's, and by `ahead_s` more: while a machine sleeps only this one does."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return WALL_S + asyncio.get_running_loop().time() + self.ahead_s


class ScriptedEndpoint:
    """Hands out access_token_1, _2, ... unless told otherwise.

    A naive fake would answer within the same step of the loop and hide every race: this one takes `takes_s`
    and, while `gate` is closed, hangs. It remembers when it was asked, how many asked at the same time, and how
    often its credentials were looked at.
    """

    def __init__(self, *, lifetime_s: float | None = 3600.0, takes_s: float = 0.01) -> None:
        self.lifetime_s = lifetime_s
        self.takes_s = takes_s
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Failed | None = None
        self.same_token = ""
        self.asked_at_s: list[float] = []
        self.most_at_once = 0
        self._at_once = 0
        self._granted = 0
        self.proof = self.certificate = "as at the start"
        self.looks = 0
        self.rest_of_issuer = Rest()
        self.scope: tuple[str, ...] = ("a",)

    @property
    def requests(self) -> int:
        return len(self.asked_at_s)

    async def fetch(self, client: ClientSettings) -> Outcome:
        self.asked_at_s.append(asyncio.get_running_loop().time())
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.takes_s)
            await self.gate.wait()
        finally:
            self._at_once -= 1
        return self.failure or self._grant()

    def credentials_mark(self, client: ClientSettings) -> str:
        self.looks += 1
        return f"{self.proof}, {self.certificate}"

    def certificate_mark(self, client: ClientSettings) -> str:
        return self.certificate

    def issuer_rest(self, client: ClientSettings) -> Rest:
        return self.rest_of_issuer

    def facts(self, client: ClientSettings) -> ClientFacts:
        return ClientFacts(
            client.grant.token_endpoint or "",
            1,
            len(client.credentials),
            (),
            asked_scope=client.grant.scope,
        )

    def _grant(self) -> Granted:
        self._granted += 1
        return Granted(
            Secret(self.same_token or f"access_token_{self._granted}"), self.lifetime_s, self.scope
        )


@dataclass
class Events:
    """Implements `TokenObserver`: one entry per event."""

    requested: list[Reason] = field(default_factory=list)
    obtained: list[tuple[int, float]] = field(default_factory=list)
    failed: list[tuple[str, float]] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    switched: list[tuple[int, int]] = field(default_factory=list)
    reduced: list[tuple[str, ...]] = field(default_factory=list)
    objected: list[tuple[str, ...]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)

    def told(self, event: TokenEvent) -> None:
        match event:
            case TokenRequested():
                self.requested.append(event.reason)
            case TokenObtained():
                self.obtained.append((event.token.serial, event.lifetime_s))
            case TokenFailed():
                self.failed.append((event.error.code, event.retry_in_s))
            case TokenRejected():
                self.rejected.append(event.token.serial)
            case TokenRevoked():
                self.revoked.append(
                    (event.fingerprint, event.failed.reason if event.failed is not None else "")
                )
            case CredentialSwitched():
                self.switched.append((event.accepted.number, event.accepted.of))
            case CredentialKept():
                self.kept.append(event.reason)
            case MetadataKept():
                self.kept.append(event.failed.reason)
            case ScopeReduced():
                self.reduced.append(event.missing)
            case MetadataObjected():
                self.objected.append(event.objections)


@dataclass
class Scene:
    """A source and all it meets."""

    source: GrantSource
    endpoint: ScriptedEndpoint
    events: Events
    retired: list[str] = field(default_factory=list)
    wall: Wall = field(default_factory=Wall)

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def token(self, within_s: float = 60.0, *, min_left_s: float = 0.0) -> Token:
        return await self.source.token(self.now_s + within_s, min_left_s=min_left_s)

    async def replacement(self, rejected: Token, within_s: float = 60.0) -> Token:
        return await self.source.replacement(rejected, self.now_s + within_s)

    def current(self) -> Token | None:
        return self.source.current(self.now_s)


@asynccontextmanager
async def scene(
    client: ClientSettings | None = None,
    *,
    jitter: float = 0.0,
    chance: Callable[[], float] | None = None,
    **endpoint_members: float | None,
):
    """A source over a scripted endpoint, closed in the end."""
    endpoint, events, wall = ScriptedEndpoint(**endpoint_members), Events(), Wall()
    clock = replace(loop_clock(jitter), wall_s=wall)
    around = Surroundings(replace(clock, jitter=chance) if chance is not None else clock, events, KEY)
    retired: list[str] = []
    maker = GrantMaker(endpoint, client or client_settings())
    source = GrantSource(maker, around, lambda _, token: retired.append(sent(token)))
    try:
        yield Scene(source, endpoint, events, retired, wall)
    finally:
        await source.close()


def let_live(maker: Maker, token: Token) -> None:
    """What becomes of tokens that a source no longer uses, where that is not the matter."""


def sent(token: Token) -> str:
    return token.field_value.decode()
