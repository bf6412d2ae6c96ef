from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.config.values.pick_model import LifetimeModel, PickModel
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    FromPage,
    LifeUnit,
)
from gateway.core.text.json_pointer import read_pointer

DATA = FromJson(read_pointer("/data/token"))


def wrong(model, value):
    with pytest.raises(ValidationError) as error:
        model.model_validate(value)
    (one,) = error.value.errors(include_url=False, include_input=False)
    return one["loc"], str(one.get("ctx", {}).get("error", one["type"]))


@pytest.mark.parametrize(
    ("value", "pick"),
    [
        ("/data/token", DATA),
        ({"json": "/data/token"}, DATA),
        ({"header": "X-Auth-Token"}, FromField("X-Auth-Token")),
        ({"cookie": "B1SESSION"}, FromCookie("B1SESSION")),
        ({"form": "access_token"}, FromForm("access_token")),
        ({"line": "Auth"}, FromLine("Auth")),
        ({"page": "_csrf"}, FromPage("_csrf")),
        ({"body": True}, FromBody()),
    ],
)
def test_a_place_is_a_pointer_or_a_mapping(value, pick):
    assert PickModel.model_validate(value).picks == (pick,)


@pytest.mark.parametrize(
    ("value", "loc", "message"),
    [
        ("token", ("json",), "a JSON pointer begins with a slash"),
        ({"json": "/a~"}, ("json",), "in a JSON pointer ~ is written ~0"),
        ({"json": 3}, ("json",), "expected a JSON pointer such as /data/token"),
        ({"cookie": "a b"}, ("cookie",), "expected the name of a cookie such as JSESSIONID"),
        ({"header": "a:"}, ("header",), "expected a field name"),
        ({}, (), "expected exactly one of json, header, cookie, form, line, page or body: true"),
        ({"body": False}, (), "expected exactly one of"),
        ({"json": "/a", "cookie": "a"}, (), "expected exactly one of"),
        (["/a"], (), "model_type"),
    ],
)
def test_anything_else_is_wrong(value, loc, message):
    there, said = wrong(PickModel, value)

    assert there == loc
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("value", "fixed_s", "picks", "unit"),
    [
        ("25m", 1500.0, (), None),
        ({"fixed": "25m"}, 1500.0, (), None),
        ("/data/token", None, (DATA,), None),
        ({"json": "/data/token", "unit": "ms"}, None, (DATA,), LifeUnit.MILLISECONDS),
        ({"cookie": "until", "unit": "instant"}, None, (FromCookie("until"),), LifeUnit.INSTANT),
    ],
)
def test_a_lifetime_is_fixed_or_stated_in_an_answer(value, fixed_s, picks, unit):
    model = LifetimeModel.model_validate(value)

    assert (model.fixed_s, model.picks, model.unit) == (fixed_s, picks, unit)


@pytest.mark.parametrize(
    ("value", "loc", "message"),
    [
        ("25", ("fixed",), "expected a duration"),
        (25, ("fixed",), "a duration needs a unit"),
        ({"json": "/a", "unit": "d"}, ("unit",), "expected ms, s, m, h or instant"),
        ({"json": "/a", "fixed": "1m"}, (), "expected exactly one of"),
        ({"unit": "s"}, (), "expected exactly one of"),
    ],
)
def test_any_other_lifetime_is_wrong(value, loc, message):
    there, said = wrong(LifetimeModel, value)

    assert there == loc
    assert said.startswith(message)
