"""The raw figures of a run, as they go into `results.json`."""

from __future__ import annotations

import dataclasses
import enum


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """One round of small requests through one contestant; `single_p50_us` is the median at one connection.

    `busy` is the share of the time in which the process worked or stood in the queue for its processor:
    where it is 1, nobody else was the bottleneck. `kept_waiting` is the share in which it stood in the queue,
    because somebody else had the processor.
    """

    contestant: str
    round: int
    requests: int
    failures: int
    cpu_us: float
    busy: float
    kept_waiting: float
    requests_per_s: float
    p50_us: int
    p99_us: int
    single_p50_us: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory when ready and after all rounds of load."""

    contestant: str
    idle_bytes: int
    loaded_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """One start on an idle machine."""

    contestant: str
    round: int
    ready_s: float


class Calm(enum.StrEnum):
    """Since when nobody has called."""

    STARTED = "after the start"
    SERVED = "after requests"


@dataclasses.dataclass(frozen=True, slots=True)
class Idle:
    """Some seconds in which nobody called: wake-ups of all threads, and processor time."""

    contestant: str
    calm: Calm
    seconds: float
    wake_ups: int
    cpu_s: float


class Way(enum.StrEnum):
    """Which way a large body goes, and whether its reader keeps up."""

    DOWNLOAD = "download"
    UPLOAD = "upload"
    SLOW_DOWNLOAD = "slow download"
    SLOW_UPLOAD = "slow upload"


@dataclasses.dataclass(frozen=True, slots=True)
class Transfer:
    """One large body; `growth_bytes` is the peak of memory during it, above what there was before."""

    contestant: str
    round: int
    way: Way
    transferred_bytes: int
    seconds: float
    cpu_s: float
    growth_bytes: int


class Case(enum.StrEnum):
    """What happens to the gateway alone."""

    COLD = "callers at once, cold"
    EXPIRING = "token expiring under load"
    DENIED = "upstream always says 401"


@dataclasses.dataclass(frozen=True, slots=True)
class Behaviour:
    """One figure that only the gateway has.

    `rejected` counts expired tokens that reached the upstream: no failures, if the gateway recovered.
    """

    case: Case
    requests: int
    failures: int
    token_requests: int
    seconds: float
    rejected: int = 0


@dataclasses.dataclass(slots=True)
class Results:
    """Everything measured; what was not stays empty."""

    loads: list[Load] = dataclasses.field(default_factory=list)
    memories: list[Memory] = dataclasses.field(default_factory=list)
    starts: list[Start] = dataclasses.field(default_factory=list)
    idles: list[Idle] = dataclasses.field(default_factory=list)
    transfers: list[Transfer] = dataclasses.field(default_factory=list)
    behaviours: list[Behaviour] = dataclasses.field(default_factory=list)

    def measured(self, contestant: str) -> bool:
        """Tell whether there is any figure of a contestant; those of behaviour are the gateway's."""
        named: list[Load | Start | Idle | Transfer]
        named = [*self.loads, *self.starts, *self.idles, *self.transfers]
        return bool(self.behaviours) or any(one.contestant == contestant for one in named)
