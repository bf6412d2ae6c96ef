"""As many connections as there are descriptors for; limits of a process are tried in a process."""

import resource
import subprocess
import sys

import pytest

from gateway.core.settings.all_settings import Settings
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.system.descriptors import BESIDE_TOKENS, RESERVE, connections_that_fit, reserve_beyond
from tests.oauth.fakes import client_settings

SCRIPT = """
import logging, resource, sys
from dataclasses import replace
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.all_settings import Limits, Settings
from gateway.system.descriptors import with_descriptors
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s", stream=sys.stdout)
settings = Settings((ListenerSettings(Address("127.0.0.1", 0)),), None, {}, ())
fitted = with_descriptors(settings)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], fitted.limits.connections)
"""


@pytest.mark.parametrize(
    ("asked", "available", "in_use", "given"),
    [
        (10_000, 2 * 10_000 + RESERVE + 20, 20, 10_000),
        (10_000, 2 * 10_000 + RESERVE + 19, 20, 9_999),
        (10, 10_000, 20, 10),
        (10_000, 1024, 24, (1000 - RESERVE) // 2),
        (10_000, 10, 20, 1),  # it cannot work, but it is not for this to say
    ],
)
def test_two_descriptors_for_each_beside_the_reserve(asked, available, in_use, given):
    assert connections_that_fit(asked, available, in_use) == given


@pytest.mark.parametrize(
    ("grants", "beyond"), [(0, 0), (1, 0), (32, 0), (33, 1), (400, 400 + BESIDE_TOKENS - RESERVE)]
)
def test_every_grant_may_have_a_token_request_under_way(grants, beyond):
    upstream = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 1)
    known = [client_settings(f"http://127.0.0.1:1/{number}").grant for number in range(grants)]
    routes = tuple(
        RouteSettings(RouteName(f"{name}{number}"), f"/{name}{number}", upstream, grant=grant)
        for number, grant in enumerate(known)
        for name in "ab"
    )
    assert reserve_beyond(Settings((), None, {}, routes)) == beyond


def limits_of(soft, hard):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(soft), str(hard)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *warnings, last = done.stdout.splitlines()
    return warnings, *map(int, last.split())


def test_the_soft_limit_is_raised_and_fewer_connections_are_told():
    warnings, soft, connections = limits_of(256, 1000)

    assert soft == 1000
    assert 400 < connections <= (1000 - RESERVE) // 2
    (warning,) = warnings
    assert warning.startswith("gateway.system.descriptors limits.connections is ")
    assert "LimitNOFILE" in warning


def test_a_few_connections_less_are_no_news():
    """The default needs 20 100 descriptors: where there are 20 000, each start would warn."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 19_000:
        pytest.skip("the hard limit of this machine does not suffice")
    warnings, soft, connections = limits_of(256, 19_000)

    assert (warnings, soft) == ([], 19_000)
    assert 9000 < connections < 10_000
