"""The table for the README: whoever divides the columns finds the ratio."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bench.pasted import HOW, render
from bench.results import Results
from tests.bench.samples import good, load


def rows_of(results):
    """By its first cell, the other cells of each row."""
    lines = [line for line in render(results).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_nothing_to_compare_is_nothing_to_paste():
    assert render(Results()) == ""
    assert render(Results(loads=[load("gateway")])) == ""


def test_the_table_of_a_good_run():
    assert (
        render(good())
        == f"""\
{HOW}

| | gateway | Envoy | ratio |
|---|---|---|---|
| CPU per request, compiled | 50.0 µs | 100.0 µs | 0.50 |
| CPU per request, pure Python | 70.0 µs | 100.0 µs | 0.70 |
| with an access log, to a file, compiled | 60.0 µs | 100.0 µs | 0.60 |
| with an access log, to a file, pure Python | 90.0 µs | 100.0 µs | 0.90 |
| with heads as a browser sends them, compiled | 50.0 µs | 100.0 µs | 0.50 |
| with TLS to the upstream, compiled | 60.0 µs | 100.0 µs | 0.60 |
| with TLS to the upstream, pure Python | 80.0 µs | 100.0 µs | 0.80 |
| p50 at one connection, compiled | 199 µs | 200 µs | 0.99 |
| p50 at one connection, pure Python | 199 µs | 200 µs | 0.99 |
| CPU per GiB, download, compiled | 1.500 s | 1.000 s | 1.50 |
| CPU per GiB, download, pure Python | 1.500 s | 1.000 s | 1.50 |
| CPU per GiB, upload, compiled | 1.500 s | 1.000 s | 1.50 |
| CPU per GiB, upload, pure Python | 1.500 s | 1.000 s | 1.50 |
| CPU per GiB, download, TLS to the upstream, compiled | 1.500 s | 1.000 s | 1.50 |
| CPU per GiB, download, TLS to the upstream, pure Python | 1.500 s | 1.000 s | 1.50 |
| memory when idle, compiled | 40 MiB | 40 MiB | 1.00 |
| memory when idle, pure Python | 40 MiB | 40 MiB | 1.00 |"""
    )


def test_a_row_is_the_round_of_the_median_ratio_not_two_medians():
    """Medians of the columns would be 80 and 100, beside a median ratio of 0.50."""
    ours, rivals = [80.0, 50.0, 90.0], [160.0, 100.0, 100.0]
    loads = [load("gateway", number, cpu_us=value) for number, value in enumerate(ours, 1)]
    loads += [load("envoy", number, cpu_us=value) for number, value in enumerate(rivals, 1)]

    assert rows_of(Results(loads=loads))["CPU per request, pure Python"] == [
        "50.0 µs",
        "100.0 µs",
        "0.50 (0.50 to 0.90)",
    ]


def test_proofs_are_compared_with_the_bearer_tokens_of_the_same_round():
    loads = [load("gateway-dpop", cpu_us=210.0), load("gateway", cpu_us=70.0)]

    assert render(Results(loads=loads)) == (
        "Tokens that are bound to a key (DPoP): 210.0 µs beside 70.0 µs with bearer tokens, 3.00."
    )


FIGURES = st.floats(min_value=5, max_value=500)


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=7))
def test_every_ratio_follows_from_the_figures_beside_it(pairs):
    loads = [load("gateway", number, cpu_us=ours) for number, (ours, _) in enumerate(pairs)]
    loads += [load("envoy", number, cpu_us=rival) for number, (_, rival) in enumerate(pairs)]
    ours, rival, ratio = rows_of(Results(loads=loads))["CPU per request, pure Python"]
    left, right, shown = (float(re.match(r"[\d.]+", cell)[0]) for cell in (ours, rival, ratio))

    assert shown == float(f"{left / right:.2f}")
