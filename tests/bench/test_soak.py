import pytest

from bench.soak import MOST_GROWTH_BYTES, Sample, Soaked
from bench.soak_callers import KINDS

MIB = 1024 * 1024


def soaked(rss_mib=(50,) * 10, *, before=20, after=20, surprises=(), tracebacks=0):
    samples = [Sample(float(number), int(mib * MIB), 30) for number, mib in enumerate(rss_mib)]
    return Soaked(samples, before, after, list(surprises), tracebacks)


def test_memory_that_settles_in_the_first_fifth_has_not_grown():
    assert soaked((40, 45, 60, 60, 60, 60, 60, 60, 60, 60)).growth_bytes() == 0


def test_memory_that_goes_on_growing_is_told():
    rises = [50.0 + number for number in range(10)]

    assert soaked(rises).growth_bytes() == 6 * MIB > MOST_GROWTH_BYTES
    assert soaked(rises).faults() == ["memory grew by 6.0 MiB after the first fifth"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"after": 21}, "descriptors: 20 before, 21 after"),
        ({"surprises": ["fine: 502 (1 times)"]}, "fine: 502 (1 times)"),
        ({"tracebacks": 2}, "tracebacks in the log: 2"),
    ],
)
def test_each_fault_is_told(change, fault):
    assert soaked().faults() == []
    assert soaked(**change).faults() == [fault]


def test_a_short_soak_has_a_verdict_too():
    assert soaked((50,)).growth_bytes() == 0


def test_the_shares_of_all_kinds_make_a_hundred():
    assert sum(share for share, _, _ in KINDS.values()) == 100
