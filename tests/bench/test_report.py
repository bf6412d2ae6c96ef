from bench import targets
from bench.contestants import ENVOY
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
    assert rendered(Results()) == "not measured: 12 of 12 targets"


def test_small_requests_are_told_by_contestant_beside_its_rival():
    heads, *rows = table(rendered(good()), "small requests")

    assert heads[:3] == ["small requests", "CPU us", "ratio"]
    assert [row[0] for row in rows] == ["gateway", ENVOY.title]
    assert rows[0][1:] == ["80.0", "0.80", "9,000", "6.00", "9.00", "200", "1.00", "40.0", "45.0", "0"]
    assert rows[1][1:3] == ["100.0", "1.00"]


def test_large_bodies_are_told_for_whoever_moved_or_started_any():
    results = good()
    results.starts.append(Start("haproxy", 1, 0.25))
    rows = {row[0]: row[1:] for row in table(rendered(results), "large bodies")}

    assert rows["gateway"] == ["1.00", "1.500", "1.50", "1.500", "1.50", "16.0", "16.0", "16.0", "16.0"]
    assert rows[ENVOY.title] == ["-", "1.000", "1.00", "1.000", "1.00", "8.0", "8.0", "-", "-"]
    assert rows["HAProxy, static header"] == ["0.25", *"--------"]


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


def test_a_load_without_its_memory_is_left_out():
    """Memory is taken when the load is over: without it the contestant did not come through."""
    (heads,) = table(rendered(Results(loads=[load()])), "small requests")

    assert heads[0] == "small requests"


def test_no_line_ends_in_blanks():
    assert [line for line in rendered(good()).splitlines() if line != line.rstrip()] == []
