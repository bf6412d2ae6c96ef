import pytest

from bench import targets
from bench.contestants import COMPILED, ENVOY, GATEWAY
from bench.report import render
from bench.results import Case, Results, Start
from bench.targets import Verdict
from tests.bench.samples import behaviour, good, load


def rendered(results):
    return render(results, targets.judge(results))


def table(text, head):
    """The rows of the table whose first column has this head, as lists of cells."""
    lines = text.split("\n\n")
    (found,) = [part.splitlines() for part in lines if part.startswith(head)]
    edges, start = [], 0
    for dashes in found[1].split("  "):
        edges.append((start, start + len(dashes)))
        start += len(dashes) + 2
    return [[line[left:right].strip() for left, right in edges] for line in [found[0], *found[2:]]]


def test_nothing_measured_is_one_line():
    assert rendered(Results()) == "not measured: 27 of 27 targets"


def test_small_requests_are_told_by_contestant_beside_its_rival():
    heads, *rows = table(rendered(good()), "plain HTTP")

    assert heads[:4] == ["plain HTTP, small heads", "CPU us", "ratio", "of all rounds"]
    assert [row[0] for row in rows] == [GATEWAY.title, COMPILED.title, ENVOY.title]
    assert rows[0][1:9] == ["70.0", "0.70", "-", "100", "9,000", "6.00", "9.00", "0"]
    assert rows[0][9:] == ["199", "0.99", "40.0", "45.0"]
    assert rows[2][1:3] == ["100.0", "1.00"]


def test_each_scenario_has_a_table_of_its_own_and_proofs_stand_beside_bearer_tokens():
    results = good()
    results.loads.append(load("gateway-dpop", cpu_us=140.0))
    text = rendered(results)

    assert [row[:3] for row in table(text, "heads as a browser sends them")[1:]] == [
        [COMPILED.title, "50.0", "0.50"],
        [ENVOY.title, "100.0", "1.00"],
    ]
    assert [row[1:3] for row in table(text, "plain HTTP")[1:]][-1] == ["140.0", "2.00"]
    assert "TLS from the callers" not in text


def test_the_spread_of_all_rounds_stands_beside_their_median():
    loads = [load(round_=number, cpu_us=cpu_us) for number, cpu_us in enumerate((80.0, 60.0, 90.0))]
    loads += [load("envoy", number, cpu_us=100.0) for number in range(3)]

    assert table(rendered(Results(loads=loads)), "plain HTTP")[1][2:4] == ["0.80", "0.60-0.90"]


@pytest.mark.parametrize(("kept_waiting", "is_told"), [(0.0, False), (0.09, False), (0.1, True)])
def test_a_machine_that_others_used_is_told(kept_waiting, is_told):
    text = rendered(Results(loads=[load(kept_waiting=kept_waiting)]))

    assert ("Others used the contestants' processor for 10% of the time" in text) == is_told


def test_idle_contestants_are_told_with_their_wake_ups_and_processor_time():
    rows = table(rendered(good()), "nobody calls")

    assert rows[1] == [GATEWAY.title, "2.0", "2.0", "1.00", "1.00"]


def test_large_bodies_are_told_for_whoever_moved_or_started_any():
    results = good()
    results.starts.append(Start("haproxy", 1, 0.25))
    rows = {row[0]: row[1:] for row in table(rendered(results), "large bodies")}

    assert rows[GATEWAY.title] == ["1.00", "1.500", "1.50", "1.500", "1.50", "16.0", "16.0", "16.0", "16.0"]
    assert rows[ENVOY.title] == ["-", "1.000", "1.00", "1.000", "1.00", "8.0", "8.0", "-", "-"]
    assert rows["HAProxy, static header"] == ["0.25", *"--------"]
    assert rows[f"{GATEWAY.title}, TLS to the upstream"][1:3] == ["1.500", "1.50"]


def test_behaviour_is_told_by_case():
    results = Results(behaviours=[behaviour(Case.DENIED, requests=1000, rejected=3, seconds=1.26)])
    rows = table(rendered(results), "gateway  ")

    assert rows[1] == ["upstream always says 401", "1000", "0", "1", "1.3", "3"]


def test_verdicts_come_last_and_what_was_not_measured_is_counted():
    judged = [
        Verdict("a", "t", "m", is_met=True),
        Verdict("b", "t", "m", is_met=False),
        Verdict("c", "t", "-", None),
    ]
    last = render(Results(), judged).splitlines()

    assert [line.split()[:2] for line in last[2:4]] == [["PASS", "a"], ["MISS", "b"]]
    assert last[-1] == "not measured: 1 of 3 targets"


def test_no_line_ends_in_blanks():
    assert [line for line in rendered(good()).splitlines() if line != line.rstrip()] == []
