"""The row that `python -m bench.pairs` prints for each scenario."""

from bench.pair_figures import Cost, row


def pair(here_us, there_us, kept_waiting=0.0):
    return Cost(here_us, 1.0, 0.0), Cost(there_us, 0.5, kept_waiting)


def cells(pairs):
    return row("plain", pairs).split()


def test_a_ratio_is_that_of_pairs_and_not_of_medians():
    """The medians are 20 and 20; the median of 2, 0.5 and 0.5 is not their ratio."""
    assert cells([pair(40.0, 20.0), pair(20.0, 40.0), pair(5.0, 10.0)]) == [
        *("plain", "20.0", "20.0", "-5.0", "0.500"),
        *("0.500,", "2.000", "100%,", "50%", "3", "of", "3"),
    ]


def test_one_pair_is_its_own_quartile():
    assert cells([pair(20.0, 40.0)])[4:7] == ["0.500", "0.500,", "0.500"]


def test_pairs_that_others_disturbed_are_left_out():
    quiet, disturbed = pair(10.0, 20.0, 0.1), pair(30.0, 20.0, 0.11)

    assert cells([quiet, disturbed])[4] == "0.500"


def test_where_less_than_half_was_quiet_all_are_shown_and_it_is_said():
    shown = cells([pair(10.0, 20.0), pair(30.0, 20.0, 0.5), pair(30.0, 20.0, 0.5)])

    assert (shown[4], " ".join(shown[9:])) == ("1.500", "1 of 3: too few, all are shown")
