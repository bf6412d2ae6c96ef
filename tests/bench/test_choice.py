"""The command line of `python -m bench`: what is chosen, and how it exits."""

import pytest

from bench.__main__ import PARTS, Choice, _choice, _exit_status, _parser
from bench.contestants import CONTESTANTS, ENVOY, GATEWAY
from bench.results import Results
from bench.scenarios import DPOP
from bench.targets import Verdict
from bench.wrk import Outcome
from tests.bench.samples import good, load


def test_everything_is_measured_unless_something_is_named():
    choice = _choice(_parser().parse_args([]).only)

    assert (choice.contestants, tuple(choice.parts)) == (list(CONTESTANTS), PARTS)


def test_contestants_and_parts_are_chosen_by_name_in_their_own_order():
    choice = _choice(_parser().parse_args(["--only", "load,envoy,start,gateway"]).only)

    assert (choice.contestants, list(choice.parts)) == ([GATEWAY, ENVOY], ["start", "load"])


@pytest.mark.parametrize(("only", "both"), [((), [GATEWAY, ENVOY]), (("envoy",), [ENVOY]), (("nginx",), [])])
def test_some_parts_are_for_the_gateway_and_envoy_alone(only, both):
    assert _choice(only).both() == both


@pytest.mark.parametrize(
    "arguments", [["--only", "gatway"], ["--only", ""], ["--rounds", "0"], ["--rounds", "x"]]
)
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(arguments)

    assert ended.value.code == 2
    assert "usage: " in capsys.readouterr().err


KEPT, MISSED, UNMEASURED = (Verdict("a", "t", "m", is_met) for is_met in (True, False, None))
ALL, ENVOY_ALONE = Choice(list(CONTESTANTS), PARTS), Choice([ENVOY], PARTS)


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


def test_every_ratio_is_taken_to_an_envoy_that_takes_part_and_that_of_proofs_to_ourselves():
    names = {one.name for one in CONTESTANTS}

    assert len(names) == len(CONTESTANTS)
    assert {one.rival for one in CONTESTANTS if one.scenario is not DPOP} == {"envoy", "envoy-log"} < names
    assert [(one.name, one.rival) for one in CONTESTANTS if one.scenario is DPOP] == [
        ("gateway-dpop", "gateway")
    ]
    assert [one.name for one in CONTESTANTS if one.scenario.logs] == ["gateway-log", "envoy-log"]


def test_what_wrk_calls_an_error_is_a_failure():
    outcome = Outcome(100, 1_000_000, bad_statuses=3, socket_errors=4, p50_us=1, p99_us=2)

    assert outcome.failures == 7
