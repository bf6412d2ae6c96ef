"""The command line of `python -m bench.pairs`."""

import pytest

from bench.pairs import _parser, main
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
