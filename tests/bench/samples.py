"""Results of runs that never were."""

from __future__ import annotations

from bench.plan import GIB, MIB
from bench.results import Behaviour, Calm, Case, Idle, Load, Memory, Results, Start, Transfer, Way


def load(contestant="gateway", round_=1, **values):
    known = {
        "requests": 1000,
        "failures": 0,
        "cpu_us": 80.0,
        "busy": 1.0,
        "kept_waiting": 0.0,
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


def idle(contestant="gateway", calm=Calm.STARTED, wake_ups=20):
    return Idle(contestant, calm, seconds=10.0, wake_ups=wake_ups, cpu_s=0.01)


CPU_US = {
    "gateway-compiled": 50.0,
    "gateway": 70.0,
    "gateway-compiled-log": 60.0,
    "gateway-log": 90.0,
    "gateway-compiled-browser": 50.0,
    "gateway-compiled-tls-upstream": 60.0,
    "gateway-tls-upstream": 80.0,
    **dict.fromkeys(("envoy", "envoy-log", "envoy-browser", "envoy-tls-upstream"), 100.0),
}
BOTH = ("gateway-compiled", "gateway")


def good():
    """A run that kept every promise, each by its last digit."""
    return Results(
        loads=[
            load(name, cpu_us=cpu_us, single_p50_us=200 if name == "envoy" else 199)
            for name, cpu_us in CPU_US.items()
        ],
        memories=[
            *(Memory(name, 40 * MIB, 45 * MIB) for name in BOTH),
            Memory("envoy", 40 * MIB + 1, 60 * MIB),
        ],
        starts=[Start(name, 1, 0.999) for name in BOTH],
        idles=[idle(name, calm) for name in BOTH for calm in Calm],
        transfers=[
            *(transfer(name, way=way, cpu_s=1.5, growth_bytes=16 * MIB) for name in BOTH for way in Way),
            *(transfer("envoy", way=way) for way in (Way.DOWNLOAD, Way.UPLOAD)),
            *(transfer(f"{name}-tls-upstream", cpu_s=1.5) for name in BOTH),
            transfer("envoy-tls-upstream"),
        ],
        behaviours=[
            behaviour(Case.COLD),
            behaviour(Case.EXPIRING, token_requests=12, seconds=20.0),
            behaviour(Case.DENIED, requests=1000, token_requests=1, seconds=29.0),
        ],
    )
