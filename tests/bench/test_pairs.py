"""The command line of `python -m bench.pairs`, and the row that it prints for each scenario."""

import pytest

from bench.pairs import _Cost, _parser, _tell, main
from bench.scenarios import BROWSER, LOG, PLAIN, TLS_LISTENER, TLS_UPSTREAM


def test_four_scenarios_are_measured_unless_some_are_named():
    assert _parser().parse_args(["."]).only == [PLAIN, BROWSER, LOG, TLS_UPSTREAM]
    assert _parser().parse_args([".", "--only", "tls-listener,plain"]).only == [TLS_LISTENER, PLAIN]


@pytest.mark.parametrize(
    ("arguments", "compiled"),
    [
        ([], None),
        (["--compiled"], "both"),
        (["--compiled", "here"], "here"),
        (["--compiled", "there"], "there"),
    ],
)
def test_either_side_may_be_the_compiled_one(arguments, compiled):
    assert _parser().parse_args(["--against", "envoy", *arguments]).compiled == compiled


@pytest.mark.parametrize(
    "arguments",
    [[], [".", "--against", "envoy"], [".", "--only", "plan"], [".", "--only", ""], [".", "--pairs", "0"]],
)
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_a_ratio_is_that_of_pairs_and_not_of_medians(capsys):
    """The medians are 20 and 20; the median of 2, 0.5 and 0.5 is not their ratio."""
    pairs = [
        (_Cost(40.0, 1.0), _Cost(20.0, 0.5)),
        (_Cost(20.0, 1.0), _Cost(40.0, 0.5)),
        (_Cost(5.0, 1.0), _Cost(10.0, 0.5)),
    ]
    _tell("plain", pairs)

    assert capsys.readouterr().out.split() == [
        *("plain", "20.0", "20.0", "-5.0", "0.500"),
        *("0.500,", "2.000", "100%,", "50%"),
    ]


def test_one_pair_is_its_own_quartile(capsys):
    _tell("plain", [(_Cost(20.0, 1.0), _Cost(40.0, 1.0))])

    assert capsys.readouterr().out.split()[4:7] == ["0.500", "0.500,", "0.500"]
