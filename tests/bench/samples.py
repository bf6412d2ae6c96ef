"""Results of runs that never were."""

from __future__ import annotations

from bench.plan import GIB, MIB
from bench.results import Behaviour, Case, Load, Memory, Results, Start, Transfer, Way


def load(contestant="gateway", round_=1, **values):
    known = {
        "requests": 1000,
        "failures": 0,
        "cpu_us": 80.0,
        "requests_per_s": 9000.0,
        "p50_us": 6000,
        "p99_us": 9000,
        "single_p50_us": 200,
    }
    return Load(contestant, round_, **(known | values))


def transfer(contestant="gateway", round_=1, way=Way.DOWNLOAD, **values):
    known = {"transferred_bytes": GIB, "seconds": 2.0, "cpu_s": 1.0, "growth_bytes": 8 * MIB}
    return Transfer(contestant, round_, way, **(known | values))


def behaviour(case=Case.COLD, **values):
    known = {"requests": 500, "failures": 0, "token_requests": 1, "seconds": 2.0}
    return Behaviour(case, **(known | values))


def good():
    """A run that kept every promise, each by its last digit."""
    return Results(
        loads=[
            load("gateway", cpu_us=80.0, single_p50_us=200),
            load("envoy", cpu_us=100.0, single_p50_us=200),
            load("gateway-log", cpu_us=90.0),
            load("envoy-log", cpu_us=100.0),
        ],
        memories=[Memory("gateway", 40 * MIB, 45 * MIB), Memory("envoy", 40 * MIB + 1, 60 * MIB)],
        starts=[Start("gateway", 1, 0.999)],
        transfers=[
            transfer("gateway", way=way, cpu_s=1.5, growth_bytes=16 * MIB)
            for way in (Way.DOWNLOAD, Way.UPLOAD, Way.SLOW_DOWNLOAD, Way.SLOW_UPLOAD)
        ]
        + [transfer("envoy", way=way) for way in (Way.DOWNLOAD, Way.UPLOAD)],
        behaviours=[
            behaviour(Case.COLD),
            behaviour(Case.EXPIRING, token_requests=12, seconds=20.0),
            behaviour(Case.DENIED, requests=1000, token_requests=1, seconds=29.0),
        ],
    )
