"""The key `workers`: how many processes serve callers."""

from __future__ import annotations

import pytest

from gateway.config.problems import Wrong
from gateway.config.values.units import workers
from tests.config.documents import load_text

ROUTE = "routes: [{path: /, upstream: 'http://127.0.0.1:1'}]\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("", 1), ("workers: 4\n", 4), ("workers: auto\n", None), ("workers: ${env:N}\n", 2)],
)
def test_a_number_or_auto(written, meant):
    assert load_text(written + ROUTE, {"N": "2"}).workers == meant


@pytest.mark.parametrize("value", [0, -1, 129, True, 1.5, "two", "4", None, [2]])
def test_anything_else_is_wrong(value):
    with pytest.raises(Wrong, match="from 1 to 128, or auto"):
        workers(value)
