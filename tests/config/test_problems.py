"""How problems read, and in which order."""

from __future__ import annotations

import pytest

from gateway.config import (
    Problem,
    Severity,
    counted,
)


def test_a_problem_reads_as_file_line_column_path_and_message():
    problem = Problem(
        "gateway.yaml", 4, 5, "clients.crm.client_secert", "unknown key, did you mean client_secret?"
    )
    assert (
        str(problem)
        == "gateway.yaml:4:5: clients.crm.client_secert: unknown key, did you mean client_secret?"
    )


def test_a_warning_reads_as_one_between_place_and_path():
    problem = Problem("gateway.yaml", 4, 5, "routes[0].preserve_host", "odd", Severity.WARNING)
    assert str(problem) == "gateway.yaml:4:5: warning: routes[0].preserve_host: odd"


@pytest.mark.parametrize(
    ("severities", "told"),
    [
        ([], ""),
        ([Severity.PROBLEM], "1 problem"),
        ([Severity.WARNING, Severity.PROBLEM, Severity.PROBLEM], "2 problems, 1 warning"),
        ([Severity.WARNING, Severity.WARNING], "2 warnings"),
    ],
)
def test_problems_and_warnings_are_counted_apart(severities, told):
    assert counted(Problem("f", 1, 1, "", "m", severity) for severity in severities) == told
