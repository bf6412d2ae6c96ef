"""A response that says the token was refused: authenticate again and replay once, or let it pass.

Rules: `core.recovery` decides. The response stays at hand, its head read and its body not, while the refused
request waits for another token; no other request waits. It passes where a replay is not possible or not worth
trying, and where no token is to be had although the upstream accepts the one that there is.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.answer_head import challenges
from gateway.core.challenge import wants_new_token
from gateway.core.errors import AuthorizationServerError
from gateway.core.record import Recovery
from gateway.core.recovery import Refusal, decide, target_digest
from gateway.core.token import Token, TokenSource
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange, exchange
from gateway.proxy.route import Route


async def recover(call: Call, route: Route, refused: Exchange, now_s: Callable[[], float]) -> Exchange:
    """Give the exchange whose response the caller gets: that of the replay, or `refused`.

    Raises:
        GatewayError: there is none; `refused` is still to be closed.
    """
    token, source = call.token, route.source
    assert token is not None
    assert source is not None
    target = target_digest(call.head.method, call.path)
    call.recovery = decide(_refusal(call, route, refused, target, now_s()))
    match call.recovery:
        case Recovery.RECOVERED | Recovery.NOT_REPLAYABLE:
            return await _replaced(call, route, refused, target, now_s)
        case Recovery.NEW_TOKEN_REJECTED:
            route.refusals.note_useless(target, token, now_s())
    return refused


def _refusal(call: Call, route: Route, refused: Exchange, target: bytes, now_s: float) -> Refusal:
    answer, token, source = refused.upstream.answer, call.token, route.source
    assert answer is not None
    assert token is not None
    assert source is not None
    return Refusal(
        wants_new_token=wants_new_token(challenges(answer.lines)),
        token_is_new=call.token_is_new,
        is_known=route.refusals.knows(target, token, now_s),
        is_promising=_has_newer(source, token, now_s) or route.refusals.is_promising(token, now_s),
        is_replayable=_is_replayable(call),
    )


def _has_newer(source: TokenSource, token: Token, now_s: float) -> bool:
    newest = source.current(now_s)
    return newest is not None and newest is not token


def _is_replayable(call: Call) -> bool:
    return call.body is None or call.body.is_replayable


async def _replaced(
    call: Call, route: Route, refused: Exchange, target: bytes, now_s: Callable[[], float]
) -> Exchange:
    """Have the token replaced, and replay the request if that is possible."""
    await refused.pause()
    successor = await _successor(call, route, now_s)
    if successor is None:
        refused.resume()
        return refused
    if call.recovery is Recovery.NOT_REPLAYABLE:
        route.refusals.note_useless(target, successor, now_s())  # for all that is known
        refused.resume()
        return refused
    await refused.abandon()
    call.token = successor
    replay = await exchange(call, route, successor)
    if call.upstream_status in route.settings.recover_on:
        call.recovery = Recovery.REJECTED_AGAIN
        route.refusals.note_useless(target, successor, now_s())
    return replay


async def _successor(call: Call, route: Route, now_s: Callable[[], float]) -> Token | None:
    """Wait for another token; None where there is none, and the response passes all the same.

    Raises:
        AuthorizationServerError: there is none, and nothing shows that the one refused still lives.
    """
    token, source = call.token, route.source
    assert token is not None
    assert source is not None
    stopwatch_s = call.connection.stopwatch_s
    began_s = stopwatch_s()
    try:
        return await source.replacement(token, now_s() + call.within(route.timeouts.response_s))
    except AuthorizationServerError:
        if call.recovery is Recovery.NOT_REPLAYABLE:
            return None
        lives = route.acceptance.proves_alive(token, call.sent_s)
        call.recovery = Recovery.TOKEN_LIVES if lives else Recovery.NO_TOKEN
        if lives:
            return None
        raise
    finally:
        call.token_s += stopwatch_s() - began_s
