"""Make credentials by logging in: the steps of a login in turn, and the logout.

Rules:

- A login begins anew each time, without the cookies of the last one. If a step fails, the login has failed.
- Each step is one request, repeated once if a kept connection turns out to be dead.
- The secrets of a step are read just before it is sent.
- Nothing but cancellation is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gateway.core.clock import Clock
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.client_trouble import key_of_login
from gateway.core.oauth.logins.login_answer import LoginProgress, StepReading, read_step
from gateway.core.oauth.logins.login_jar import cookie_field
from gateway.core.oauth.logins.login_pace import LoginCount
from gateway.core.oauth.logins.login_renewal import renewal
from gateway.core.oauth.logins.login_request import LoginTexts, StepMessage, Unplaceable, build_step
from gateway.core.oauth.metadata import Look
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.settings.login_settings import LoginSettings, StepRequest
from gateway.core.text.server_url import origin_of
from gateway.core.token import Token
from gateway.oauth.credentials import unusable
from gateway.oauth.maker import Maker
from gateway.oauth.transport import DEAD_CONNECTION, ServerRequest, Transport

if TYPE_CHECKING:
    from gateway.core.oauth.diagnosis.login_witness import LoginWitness

_KEY: Final = "login"
_IS_OVER: Final = frozenset((401, 404, 410, 440))
"""What servers answer to the logout of a session that has ended already."""

_NOTHING: Final = Secret("")
_PASSED: Final = Granted(_NOTHING, None, ())
"""The outcome of a step that has succeeded."""

Mark = Callable[[ClientSettings], Hashable]


@dataclass(frozen=True, slots=True)
class LoginSurroundings:
    """What the logins of a process share.

    Attributes:
        mark, certificate_mark: as those of `maker.Maker`.
    """

    transport: Transport
    clock: Clock
    mark: Mark
    certificate_mark: Mark


class LoginMaker:
    """Implements `maker.ExaminedMaker` for a client that logs in."""

    def __init__(self, client: ClientSettings, around: LoginSurroundings, count: LoginCount) -> None:
        """`count` has the logins of the client so far."""
        assert client.grant.login is not None
        self.client = client
        self._login: LoginSettings = client.grant.login
        self._around = around
        self._clock = around.clock
        self._count = count

    def __repr__(self) -> str:
        return f"<LoginMaker {self.client.name}>"

    @property
    def registration(self) -> Hashable:
        """The same for clients that log in to the same server in the same way."""
        return tuple(step.request for step in self._login.steps)

    @property
    def is_bound(self) -> bool:
        """Whether sessions may be bound to a certificate of ours."""
        return self.client.grant.certificate is not None

    @property
    def retires(self) -> bool:
        """Whether there is a logout."""
        return self._login.logout is not None

    async def make(self) -> Outcome:
        """Log in."""
        return (await self.ask()).outcome

    async def retire(self, token: Token) -> Failed | None:
        """Log out of a session."""
        assert self._login.logout is not None
        taken = {name: Secret(value) for name, value in token.parts}
        cookies = {cookie: taken[part] for part, cookie in self._login.cookies if part in taken}
        message = self._message(self._login.logout, taken, cookies, "the logout")
        answer = message if isinstance(message, Failed) else await self._send(message)
        if isinstance(answer, Failed):
            return answer
        if answer.status < 400 or answer.status in _IS_OVER:
            return None
        return Failed(
            FailureKind.REFUSED, f"the server answered {answer.status} to the logout", status=answer.status
        )

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> Granted | None:
        """Return the session as an upstream has renewed it, or None."""
        return renewal(self._login, token, set_cookies, self._clock.now_s(), self._clock.wall_s())

    def mark(self) -> Hashable:
        """Return a value that changes with the secrets of the steps."""
        return self._around.mark(self.client)

    def binding_mark(self) -> Hashable:
        """Return a value that changes with the certificate, and only then."""
        return self._around.certificate_mark(self.client)

    def rest(self) -> Rest:
        """Return the pause that `max_logins` demands."""
        return self._count.rest(self._clock.now_s())

    def facts(self) -> ClientFacts:
        """Return what is known of the client."""
        return ClientFacts(self._login.steps[-1].request.url, secret=1, secrets=1, objections=(), method=_KEY)

    def key_of(self, failed: Failed) -> str:
        """Return the key of `gateway.yaml` to check."""
        return key_of_login(failed, self.client.name)

    # ── what the doctor asks ──────────────────────────────────────────────────────────────────────

    async def ask(self) -> Asked:
        """Log in; return how each step went, too."""
        self._count.began(self._login.pace, self._clock.now_s())
        attempts: list[TokenAttempt] = []
        progress = LoginProgress()
        for number in range(len(self._login.steps)):
            attempt, reading = await self._step(number, progress)
            attempts.append(attempt)
            if reading.failed is not None:
                return Asked(tuple(attempts), reading.failed)
            progress = reading.progress
        return Asked(tuple(attempts), progress.granted(self._login))

    @staticmethod
    def looks() -> tuple[Look, ...]:
        """Return nothing: a login needs no metadata."""
        return ()

    @staticmethod
    def alternatives(asked: Asked) -> Iterator[tuple[str, Maker]]:  # noqa: ARG004
        """Yield nothing: another attempt with the same password may lock the account."""
        return iter(())

    def witness(self) -> LoginWitness:
        """Return what tells the doctor about logins."""
        from gateway.core.oauth.diagnosis.login_witness import LoginWitness  # noqa: PLC0415 - as in grant_maker

        return LoginWitness(self.client)

    # ── one request ───────────────────────────────────────────────────────────────────────────────

    async def _step(self, number: int, before: LoginProgress) -> tuple[TokenAttempt, StepReading]:
        request, where = self._login.steps[number].request, f"step {number + 1} of the login"
        began_s = self._clock.stopwatch_s()
        message = self._message(request, before.taken, before.jar.cookies(origin_of(request.url)), where)
        answer = message if isinstance(message, Failed) else await self._send(message)
        took_s = self._clock.stopwatch_s() - began_s
        reading = self._reading(number, before, answer, where)
        return (
            TokenAttempt(
                request.url,
                number=0,
                proof=_NOTHING,
                dpop_proof=None,
                answer=answer,
                outcome=reading.failed or _PASSED,
                took_s=took_s,
                verb=request.method,
                step=number,
                steps=len(self._login.steps),
                missing=() if reading.missing is None else (reading.missing,),
            ),
            reading,
        )

    def _reading(
        self, number: int, before: LoginProgress, answer: ServerAnswer | Failed, where: str
    ) -> StepReading:
        if isinstance(answer, ServerAnswer):
            return read_step(self._login, number, before, answer, self._clock.wall_s())
        is_named = answer.key or answer.reason.startswith(where)
        return StepReading(
            before, answer if is_named else replace(answer, reason=f"{where}: {answer.reason}")
        )

    def _message(
        self, request: StepRequest, taken: Mapping[str, Secret], cookies: dict[str, Secret], where: str
    ) -> StepMessage | Failed:
        texts = LoginTexts(lambda number: self.client.credentials[number](), taken)
        try:
            return build_step(request, texts, cookie_field(cookies))
        except Unplaceable as wrong:
            return Failed(FailureKind.INVALID, f"{where}: {wrong}", was_sent=False)
        except (OSError, ValueError):
            return unusable(_KEY, f"a secret of {where} cannot be read, or cannot be sent")

    async def _send(self, message: StepMessage) -> ServerAnswer | Failed:
        request = ServerRequest(message.url, message.headers, message.body, message.method)
        answer = await self._around.transport.send(self.client, request)
        if answer is DEAD_CONNECTION:
            return await self._around.transport.send(self.client, request, is_fresh=True)
        return answer
