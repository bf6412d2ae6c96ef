"""A response that says the token was refused: authenticate again and replay once, or let it pass.

Rules: `core.http.recovery` decides. While the refused request waits for another token, its response is kept,
with the head read and the body unread. No other request waits. The response passes if a replay is impossible
or not worth trying, or if no other token can be obtained although the upstream still accepts this one.

What says so is a status code of the route, or a sign (`core.http.refusal_signs`). If the sign is in the body,
nothing of the response goes out before the body is complete or too long for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.errors import AuthorizationServerError
from gateway.core.http.answer_head import challenges
from gateway.core.http.challenge import wants_new_token
from gateway.core.http.recovery import Recovery, Refusal, decide, target_digest
from gateway.core.http.refusal_signs import MOST_BODY_BYTES, body_shows, head_shows
from gateway.core.token import Token, TokenSource
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.outgoing.answer import Answer
from gateway.proxy.route import Route


@dataclass(frozen=True, slots=True)
class _Case:
    """A request whose token was refused, with the exchange that holds the response."""

    call: Call
    route: Route
    refused: Exchange
    token: Token
    source: TokenSource
    target: bytes

    def now_s(self) -> float:
        return self.call.link.now_s()

    def note_useless(self, newest: Token) -> None:
        self.route.refusals.note_useless(self.target, newest, self.now_s())


def tells_refusal(exchange: Exchange, route: Route) -> bool | None:
    """Whether a response says that the token was refused; None as long as that depends on its body."""
    if exchange.token is None:
        return False
    if exchange.status in route.settings.recover_on:
        return True
    answer = exchange.answer.answer
    assert answer is not None
    signs = [sign for sign in route.settings.refusal_signs if sign.status == exchange.status]
    url = exchange.url() if any(sign.location for sign in signs) else ""
    seen = [sign for sign in signs if head_shows(sign, exchange.status, answer.lines, url)]
    if not all(sign.json for sign in seen):
        return True
    if not seen or _is_too_long(exchange, answer):
        return False
    if not answer.is_complete:
        return None
    body = b"".join(answer.chunks)
    return any(body_shows(sign, answer.lines, body) for sign in seen)


def _is_too_long(exchange: Exchange, answer: Answer) -> bool:
    length = answer.special.get(b"content-length", b"0")
    longest = max(exchange.answer.buffered_bytes, int(length) if length.isdigit() else 0)
    return longest > MOST_BODY_BYTES


async def is_refused(exchange: Exchange, route: Route) -> bool:
    """Whether a response says that the token was refused; wait for its body as far as that decides.

    Raises:
        GatewayError: the response broke off; the exchange must still be closed.
    """
    while (tells := tells_refusal(exchange, route)) is None:
        await exchange.more()
    return tells


async def recover(call: Call, route: Route, refused: Exchange) -> Exchange:
    """Return the exchange whose response the caller gets: the replay, or `refused`.

    Raises:
        GatewayError: there is none; `refused` must still be closed.
    """
    token, source = refused.token, route.source
    assert token is not None
    assert source is not None
    this = _Case(call, route, refused, token, source, target_digest(call.head.method, call.path))
    call.recovery = decide(_refusal(this))
    match call.recovery:
        case Recovery.RECOVERED | Recovery.NOT_REPLAYABLE:
            return await _replaced(this)
        case Recovery.NEW_TOKEN_REJECTED:
            this.note_useless(token)
    return refused


def _refusal(case: _Case) -> Refusal:
    call, refusals, now_s = case.call, case.route.refusals, case.now_s()
    answer, newest = case.refused.answer.answer, case.source.current(now_s)
    assert answer is not None
    has_newer = newest is not None and newest is not case.token
    return Refusal(
        wants_new_token=wants_new_token(challenges(answer.lines)),
        token_is_new=case.refused.token_is_new and not has_newer,
        is_known=refusals.knows(case.target, case.token, now_s),
        is_promising=has_newer or refusals.is_promising(case.token, now_s),
        is_replayable=call.may_be_replayed,
    )


async def _replaced(case: _Case) -> Exchange:
    """Get another token, and replay the request if possible."""
    call, refused = case.call, case.refused
    await refused.pause()
    successor = await _successor(case)
    if successor is not None and call.recovery is Recovery.RECOVERED:
        return await _replay(case, successor)
    if successor is not None:
        case.note_useless(successor)  # as far as anyone can tell, since it cannot be tried
    refused.resume()
    return refused


async def _replay(case: _Case, successor: Token) -> Exchange:
    call, route = case.call, case.route
    await case.refused.abandon()
    replay = Exchange(call, route, successor)
    await replay.run()
    try:
        is_refused_again = await is_refused(replay, route)
    except BaseException:
        replay.close()
        raise
    if is_refused_again:
        call.recovery = Recovery.REJECTED_AGAIN
        case.note_useless(successor)
    return replay


async def _successor(case: _Case) -> Token | None:
    """Wait for another token; None if there is none, and the response should pass anyway.

    Raises:
        AuthorizationServerError: there is none, and nothing proves that the refused one is still alive.
    """
    call, route = case.call, case.route
    began_s = call.link.stopwatch_s()
    try:
        deadline_s = case.now_s() + call.within(route.timeouts.response_s)
        return await case.source.replacement(case.token, deadline_s)
    except AuthorizationServerError:
        if call.recovery is Recovery.NOT_REPLAYABLE:
            return None
        lives = route.acceptance.proves_alive(case.token, case.refused.sent_s)
        call.recovery = Recovery.TOKEN_LIVES if lives else Recovery.NO_TOKEN
        if lives:
            return None
        raise
    finally:
        call.waited_for_token(began_s)
