"""What fits together among listeners and limits; what does not stands in the golden files."""

from __future__ import annotations

import pytest

from tests.config.documents import ROUTE, problems_of


def test_any_free_port_may_be_asked_for_twice():
    assert problems_of("listen: [127.0.0.1:0, 127.0.0.1:0]\nadmin: 127.0.0.1:0\n" + ROUTE) == []


@pytest.mark.parametrize(
    "text", ["listen: [unix:/a, unix:/a]\n", "listen: 127.0.0.1:8079\n", "listen: unix:/a\nadmin: unix:/a\n"]
)
def test_an_address_is_listened_on_once(text):
    assert len(problems_of(text + ROUTE)) == 1


def test_one_body_fits_into_the_budget_for_all():
    assert problems_of("limits: {replay: 2KiB, replay_total: 2048}\n" + ROUTE) == []
    assert len(problems_of("limits: {replay: 2049, replay_total: 2KiB}\n" + ROUTE)) == 1
    assert len(problems_of("limits: {replay: 65MiB}\n" + ROUTE)) == 1
    assert len(problems_of("limits: {replay_total: 1KiB}\n" + ROUTE)) == 1
