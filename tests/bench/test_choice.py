"""The command line of `python -m bench`: what is chosen, and how it exits."""

import pytest

from bench.__main__ import PARTS, Choice, _choice, _exit_status, _parser
from bench.contestants import CONTESTANTS, ENVOY, Contestant
from bench.load import _groups
from bench.results import Results
from bench.scenarios import PLAIN
from bench.targets import Verdict
from bench.wrk import Outcome
from tests.bench.samples import good, load


def test_everything_is_measured_unless_something_is_named():
    choice = _choice(_parser().parse_args([]).only)

    assert (choice.contestants, tuple(choice.parts)) == (list(CONTESTANTS), PARTS)


def test_proxies_scenarios_and_parts_are_chosen_by_name_in_their_own_order():
    choice = _choice(_parser().parse_args(["--only", "load,envoy,log,start,gateway,plain"]).only)
    names = [one.name for one in choice.contestants]

    assert (names, list(choice.parts)) == (
        ["gateway", "envoy", "gateway-log", "envoy-log"],
        ["start", "load"],
    )
    assert choice.proxies == ["gateway", "envoy"]


@pytest.mark.parametrize(
    ("only", "peers"),
    [
        ((), ["gateway", "gateway-compiled", "envoy"]),
        (("envoy",), ["envoy"]),
        (("nginx",), []),
        (("tls-upstream",), []),
    ],
)
def test_some_parts_are_for_the_gateway_and_envoy_alone(only, peers):
    assert [one.name for one in _choice(only).peers(PLAIN)] == peers


@pytest.mark.parametrize(
    "arguments", [["--only", "gatway"], ["--only", ""], ["--rounds", "0"], ["--rounds", "x"]]
)
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(arguments)

    assert ended.value.code == 2
    assert "usage: " in capsys.readouterr().err


KEPT, MISSED, UNMEASURED = (Verdict("a", "t", "m", is_met) for is_met in (True, False, None))
ALL, ENVOY_ALONE = Choice(list(CONTESTANTS), PARTS), Choice([Contestant(ENVOY)], PARTS)


@pytest.mark.parametrize(
    ("choice", "results", "verdicts", "is_strict", "status"),
    [
        (ALL, good(), [KEPT], False, 0),
        (ALL, good(), [KEPT, MISSED], False, 0),
        (ALL, good(), [KEPT, MISSED], True, 1),
        (ALL, good(), [KEPT, UNMEASURED], True, 0),
        (ALL, Results(), [UNMEASURED], False, 1),
        (ALL, Results(loads=[load("envoy")]), [UNMEASURED], False, 1),
        (ENVOY_ALONE, Results(loads=[load("envoy")]), [UNMEASURED], False, 0),
    ],
)
def test_the_exit_status_says_whether_there_is_a_result(choice, results, verdicts, is_strict, status):
    assert _exit_status(choice, results, verdicts, is_strict=is_strict) == status


def test_every_ratio_is_taken_to_an_envoy_of_the_same_scenario_and_that_of_proofs_to_ourselves():
    names = {one.name: one for one in CONTESTANTS}

    assert len(names) == len(CONTESTANTS)
    assert {names[one.rival].proxy for one in CONTESTANTS if not one.scenario.proves} == {ENVOY}
    assert all(names[one.rival].lineup is one.lineup for one in CONTESTANTS)
    assert [(one.name, one.rival) for one in CONTESTANTS if one.scenario.proves] == [
        ("gateway-dpop", "gateway")
    ]
    assert [one.name for one in CONTESTANTS if one.scenario.logs] == [
        "gateway-log",
        "gateway-compiled-log",
        "envoy-log",
    ]


def test_those_that_are_compared_are_loaded_together():
    groups = [[one.name for one in group] for group in _groups(list(CONTESTANTS))]

    assert [group[0] for group in groups] == [
        "gateway",
        "gateway-browser",
        "gateway-log",
        "gateway-tls-upstream",
        "gateway-tls-listener",
    ]
    assert "gateway-dpop" in groups[0]


def test_what_wrk_calls_an_error_is_a_failure():
    outcome = Outcome(100, 1_000_000, bad_statuses=3, socket_errors=4, p50_us=1, p99_us=2)

    assert outcome.failures == 7
