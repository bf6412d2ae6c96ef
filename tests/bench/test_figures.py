import pytest

from bench import figures
from bench.plan import GIB, MIB
from bench.results import Calm, Case, Memory, Results, Start, Way
from tests.bench.samples import behaviour, good, idle, load, transfer


def test_rounds_are_those_of_one_contestant_by_their_number():
    results = Results(loads=[load(round_=2, cpu_us=70.0), load("envoy", cpu_us=1.0), load(round_=1)])

    assert figures.load_rounds(results, "gateway", "cpu_us") == {1: 80.0, 2: 70.0}


def test_a_round_in_which_a_value_was_not_taken_is_none_of_its_rounds():
    results = Results(loads=[load(single_p50_us=None), load(round_=2)])

    assert figures.load_rounds(results, "gateway", "single_p50_us") == {2: 200.0}


def test_idle_figures_are_told_for_each_second():
    results = Results(idles=[idle(wake_ups=25), idle(calm=Calm.SERVED, wake_ups=5), idle("envoy")])

    assert figures.wake_ups_per_s(results, "gateway", Calm.STARTED) == 2.5
    assert figures.wake_ups_per_s(results, "gateway", Calm.SERVED) == 0.5
    assert figures.idle_cpu_ms_per_s(results, "gateway", Calm.SERVED) == 1.0
    assert figures.wake_ups_per_s(results, "nginx", Calm.STARTED) is None
    assert figures.idle_cpu_ms_per_s(results, "nginx", Calm.STARTED) is None


def test_processor_time_of_a_transfer_is_told_per_gib():
    results = Results(
        transfers=[
            transfer(transferred_bytes=GIB // 4, cpu_s=0.25),
            transfer(way=Way.UPLOAD, cpu_s=9.0),
            transfer("envoy", cpu_s=9.0),
        ]
    )

    assert figures.cpu_rounds(results, "gateway", Way.DOWNLOAD) == {1: 1.0}


def test_starts_are_told_by_round():
    results = Results(starts=[Start("gateway", 1, 0.5), Start("envoy", 1, 0.1), Start("gateway", 2, 0.7)])

    assert figures.start_rounds(results, "gateway") == {1: 0.5, 2: 0.7}


@pytest.mark.parametrize(("rounds", "median"), [({}, None), ({1: 3.0}, 3.0), ({1: 1.0, 2: 9.0, 3: 2.0}, 2.0)])
def test_a_median_needs_a_round(rounds, median):
    assert figures.median(rounds) == median


RATIOS = [
    ({1: 80.0}, {1: 100.0}, 0.8),
    (
        {1: 80.0, 2: 60.0, 3: 300.0},
        {1: 100.0, 2: 100.0, 3: 300.0},
        0.8,
    ),  # not 80 of 100: rounds belong together
    ({1: 80.0, 2: 60.0}, {1: 100.0}, 0.8),
    ({1: 80.0}, {2: 100.0}, None),
    ({1: 80.0}, {1: 0.0}, None),
    ({}, {1: 100.0}, None),
    ({1: 80.0}, {}, None),
]


@pytest.mark.parametrize(("rounds", "rivals", "ratio"), RATIOS)
def test_a_ratio_is_the_median_of_the_ratios_of_common_rounds(rounds, rivals, ratio):
    assert figures.ratio(rounds, rivals) == ratio


def test_growth_is_the_largest_of_one_way_or_of_all():
    results = Results(
        transfers=[
            transfer(growth_bytes=1 * MIB),
            transfer(round_=2, growth_bytes=3 * MIB),
            transfer(way=Way.SLOW_UPLOAD, growth_bytes=9 * MIB),
            transfer("envoy", growth_bytes=99 * MIB),
        ]
    )

    assert figures.growth_bytes(results, "gateway") == 9 * MIB
    assert figures.growth_bytes(results, "gateway", Way.DOWNLOAD) == 3 * MIB
    assert figures.growth_bytes(results, "gateway", Way.UPLOAD) is None


def test_memory_and_behaviour_are_found_or_not():
    results = Results(memories=[Memory("gateway", 1, 2)], behaviours=[behaviour(Case.COLD)])

    assert figures.memory(results, "gateway") == Memory("gateway", 1, 2)
    assert figures.memory(results, "envoy") is None
    assert figures.behaviour(results, Case.COLD) == behaviour(Case.COLD)
    assert figures.behaviour(results, Case.DENIED) is None


def test_failures_of_all_rounds_are_added():
    results = Results(loads=[load(failures=1), load(round_=2, failures=2), load("envoy", failures=4)])

    assert figures.failures(results, "gateway") == 3


@pytest.mark.parametrize(
    ("results", "is_measured"),
    [
        (Results(), False),
        (Results(loads=[load("envoy")]), False),
        (Results(memories=[Memory("gateway", 1, 2)]), False),
        (Results(loads=[load()]), True),
        (Results(starts=[Start("gateway", 1, 0.5)]), True),
        (Results(idles=[idle()]), True),
        (Results(transfers=[transfer()]), True),
        (Results(behaviours=[behaviour()]), True),
        (good(), True),
    ],
)
def test_a_contestant_was_measured_if_there_is_any_figure_of_it(results, is_measured):
    assert results.measured("gateway") == is_measured
