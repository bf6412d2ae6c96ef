"""Tokens that are no longer used: revoked after a while, never one in use, all of them at the end."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.token import Token
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.revoker import CLOSE_WITHIN_S, DELAY_S, Revoker
from tests.oauth.fakes import Events, client_settings
from tests.oauth.virtual_time import in_virtual_time

REVOKING = replace(client_settings(), revokes=True)
TOO_SLOW = "the authorization server did not answer before the end"


def token(number: int, scheme: bytes = b"Bearer") -> Token:
    text = f"access_token_{number}"
    value = scheme + f" {text}".encode()
    return Token(value, 0.0, 3600.0, number, f"{number:08x}", parts=((MAIN_PART, text),))


@dataclass
class Endpoint:
    """Revokes what it is told, after a while.

    A naive fake would answer within the same step of the loop, and no test could end before it has.
    """

    takes_s: float = 0.1
    failed: Failed | None = None
    revoked: list[tuple[float, str]] = field(default_factory=list)

    async def revoke(self, client: ClientSettings, token: Secret) -> Failed | None:
        began_s = asyncio.get_running_loop().time() - 1000.0
        await asyncio.sleep(self.takes_s)
        self.revoked.append((round(began_s, 6), token.reveal()))
        return self.failed


class Stage:
    def __init__(self, **endpoint: object) -> None:
        self.endpoint = Endpoint(**endpoint)
        self.events = Events()
        self.held: set[Token] = set()
        self.revoker = Revoker(self.events, lambda token: token in self.held)

    def retire(self, token: Token, client: ClientSettings = REVOKING) -> None:
        self.revoker.retire(GrantMaker(self.endpoint, client), token)

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.endpoint.revoked]


@in_virtual_time
async def test_a_token_is_revoked_when_nobody_can_be_on_the_way_with_it_any_more():
    stage = Stage()
    stage.retire(token(1))
    await asyncio.sleep(DELAY_S + 1.0)
    assert stage.endpoint.revoked == [(DELAY_S, "access_token_1")]
    assert stage.events.revoked == [("00000001", "")]
    await stage.revoker.close()


@in_virtual_time
async def test_a_bound_token_is_revoked_without_its_scheme():
    stage = Stage()
    stage.retire(token(1, b"DPoP"))
    await stage.revoker.close()
    assert stage.texts == ["access_token_1"]


@in_virtual_time
async def test_a_client_that_does_not_say_revoke_revokes_nothing():
    stage = Stage()
    stage.retire(token(1), client_settings())
    await asyncio.sleep(60.0)
    await stage.revoker.close()
    assert (stage.texts, stage.events.revoked) == ([], [])


@in_virtual_time
async def test_a_token_that_came_back_into_use_is_left_alone():
    """Some servers hand out the same one again and again."""
    stage = Stage()
    stage.retire(token(1))
    await asyncio.sleep(DELAY_S / 2)
    stage.held.add(token(1))
    await asyncio.sleep(DELAY_S)
    assert stage.texts == []
    stage.held.clear()
    stage.retire(token(1))
    await asyncio.sleep(DELAY_S + 1.0)
    assert stage.texts == ["access_token_1"]


@in_virtual_time
async def test_the_same_token_retired_again_and_again_is_revoked_once():
    stage = Stage()
    for _ in range(3):
        stage.retire(token(1))
        await asyncio.sleep(1.0)
    await asyncio.sleep(60.0)
    assert stage.texts == ["access_token_1"]


@in_virtual_time
async def test_a_failure_is_told_and_not_tried_again():
    stage = Stage(failed=Failed(FailureKind.REFUSED, "the authorization server answered 400"))
    stage.retire(token(1))
    await asyncio.sleep(600.0)
    assert stage.texts == ["access_token_1"]
    assert stage.events.revoked == [("00000001", "the authorization server answered 400")]


# ── the end ───────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_at_the_end_all_that_wait_are_revoked_at_once():
    stage = Stage(takes_s=1.0)
    for number in range(1, 6):
        stage.retire(token(number))
    await stage.revoker.close()
    assert sorted(stage.endpoint.revoked) == [(0.0, f"access_token_{number}") for number in range(1, 6)]
    await asyncio.sleep(60.0)
    assert len(stage.events.revoked) == 5


@in_virtual_time
async def test_the_end_waits_for_what_is_under_way():
    stage = Stage(takes_s=2.0)
    stage.retire(token(1))
    await asyncio.sleep(DELAY_S + 1.0)
    await stage.revoker.close()
    assert stage.events.revoked == [("00000001", "")]


@in_virtual_time
async def test_the_end_is_bounded_and_what_was_too_slow_is_told():
    stage = Stage(takes_s=3600.0)
    for number in (1, 2):
        stage.retire(token(number))
    began_s = asyncio.get_running_loop().time()
    await stage.revoker.close()
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(CLOSE_WITHIN_S)
    assert sorted(stage.events.revoked) == [("00000001", TOO_SLOW), ("00000002", TOO_SLOW)]
    assert stage.texts == []


@in_virtual_time
async def test_nothing_to_revoke_is_no_reason_to_wait():
    stage = Stage()
    began_s = asyncio.get_running_loop().time()
    await stage.revoker.close()
    await stage.revoker.close()
    assert asyncio.get_running_loop().time() == began_s


@in_virtual_time
async def test_the_end_that_is_itself_cut_short_leaves_no_task_behind():
    """Whoever closes may run out of patience first."""
    stage = Stage(takes_s=3600.0)
    stage.retire(token(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await stage.revoker.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert stage.events.revoked == [("00000001", TOO_SLOW)]


@in_virtual_time
async def test_nothing_shows_a_token():
    stage = Stage()
    stage.retire(token(1))
    assert "access_token" not in repr(stage.revoker)
    await stage.revoker.close()
    assert "access_token" not in repr(stage.events)
