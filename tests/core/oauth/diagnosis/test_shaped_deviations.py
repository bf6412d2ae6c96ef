"""What `gateway token` says about an answer in a shape that the owner wrote."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.diagnosis.shaped_deviations import find_shaped_deviations
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.settings.login_settings import StatedLife
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.whereabouts import FromJson, LifeUnit
from gateway.core.text.json_pointer import read_pointer
from tests.core.oauth.test_picks import BODIES, PICKS
from tests.core.samples import GRANT

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


def at(pointer: str) -> FromJson:
    return FromJson(read_pointer(pointer))


def found(unit: LifeUnit, stated: object, date: str = DATE, status: int = 200) -> list[str]:
    shape = AnswerShape(at("/t"), StatedLife(at("/ttl"), unit))
    answer = ServerAnswer(status, {"date": date} if date else {}, json.dumps({"ttl": stated}).encode())
    return [deviation.what for deviation in find_shaped_deviations(answer, GRANT, shape)]


UNREADABLE = "/ttl is no lifetime in the unit {}; it is ignored"
IMPLAUSIBLE = "/ttl gives a lifetime that is not plausible"


@pytest.mark.parametrize(
    ("unit", "stated", "what"),
    [
        (LifeUnit.SECONDS, 3600, []),
        (LifeUnit.INSTANT, 1_700_000_060, []),
        (LifeUnit.SECONDS, "soon", [UNREADABLE.format("s")]),
        (LifeUnit.SECONDS, "2026-01-01T00:00:00Z", [UNREADABLE.format("s")]),
        (LifeUnit.INSTANT, 3600, [UNREADABLE.format("instant")]),
        (LifeUnit.INSTANT, "2026-01-01T00:00:00", [UNREADABLE.format("instant")]),
        (LifeUnit.SECONDS, 1_700_000_000_000, [IMPLAUSIBLE]),
        (LifeUnit.MINUTES, 0, [IMPLAUSIBLE]),
        (LifeUnit.INSTANT, 1_600_000_000, [IMPLAUSIBLE]),
    ],
)
def test_a_lifetime_in_another_unit_is_seen(unit: LifeUnit, stated: object, what: list[str]):
    assert found(unit, stated) == what


def test_an_instant_is_not_judged_without_the_servers_time():
    assert found(LifeUnit.INSTANT, 1_600_000_000, date="") == []


def test_an_error_is_no_answer_with_a_lifetime():
    assert found(LifeUnit.SECONDS, "soon", status=401) == []


def test_a_narrower_scope_is_seen():
    answer = ServerAnswer(200, {}, b'{"rights": "a"}')
    [deviation] = find_shaped_deviations(
        answer, replace(GRANT, scope=("a", "b")), AnswerShape(scope=at("/rights"))
    )
    assert "b missing" in deviation.what


@given(PICKS, st.sampled_from(LifeUnit), BODIES)
def test_every_answer_can_be_judged(pick: FromJson, unit: LifeUnit, body: bytes):
    shape = AnswerShape(lifetime=StatedLife(pick, unit), scope=pick)
    assert all(each.hint for each in find_shaped_deviations(ServerAnswer(200, {}, body), GRANT, shape))
