"""The shortest of all timeouts."""

import pytest

from gateway.core.settings.all_settings import Limits, Settings
from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.shortest_timeout import shortest_timeout_s
from tests.core.samples import route

ONES = {
    "head": {"limits": Limits(head_timeout_s=0.5)},
    "keep-alive": {"limits": Limits(keepalive_timeout_s=0.5)},
    "response": {"timeouts": Timeouts(response_s=0.5)},
    "idle": {"timeouts": Timeouts(idle_s=0.5)},
    "total": {"timeouts": Timeouts(total_s=0.5)},
}


@pytest.mark.parametrize("members", ONES.values(), ids=ONES)
def test_each_timeout_counts(members):
    routes = (route(), route(timeouts=members.get("timeouts", Timeouts())))
    settings = Settings((), None, {}, routes, limits=members.get("limits", Limits()))

    assert shortest_timeout_s(settings) == 0.5


def test_without_routes_it_is_that_of_a_head():
    assert shortest_timeout_s(Settings((), None, {}, ())) == Limits().head_timeout_s
