"""What is remembered of credentials: for a while, never past their end, and nothing that tells them."""

import pytest

from gateway.access.verified import BAD_S, GOOD_S, MOST_BAD, MOST_BYTES, MOST_GOOD, Verified, size_of
from gateway.core.access.asked import Asked
from gateway.core.access.finding import Bad, Known, Unsure
from gateway.core.caller import Caller, WayName
from tests.access.clocks import Hands


@pytest.fixture
def hands():
    return Hands()


def known(hands, left_s=1e9):
    return Known(Caller(WayName("staff"), "alice", expires_at_s=hands.wall_s + left_s))


def test_a_good_credential_is_remembered_for_a_while(hands):
    verified, found = Verified(hands.clock), known(hands)
    digest = verified.digest(b"token")
    verified.put(digest, found)
    hands.pass_s(GOOD_S - 1)
    assert verified.get(digest) is found
    hands.pass_s(1)

    assert verified.get(digest) is None


def test_never_past_its_end(hands):
    verified = Verified(hands.clock)
    digest = verified.digest(b"token")
    verified.put(digest, known(hands, left_s=5))
    hands.wall_s += 5

    assert verified.get(digest) is None


def test_a_bad_one_for_a_shorter_one(hands):
    verified, found = Verified(hands.clock), Bad("no")
    digest = verified.digest(b"token")
    verified.put(digest, found)
    assert verified.get(digest) is found
    hands.pass_s(BAD_S)

    assert verified.get(digest) is None


def test_what_was_not_decided_is_not_remembered(hands):
    verified = Verified(hands.clock)
    verified.put(verified.digest(b"token"), Unsure("down"))

    assert verified.get(verified.digest(b"token")) is None


def test_no_flood_of_bad_ones_displaces_a_good_one(hands):
    verified, found = Verified(hands.clock), known(hands)
    verified.put(verified.digest(b"good"), found)
    for number in range(MOST_BAD + 10):
        verified.put(verified.digest(b"%d" % number), Bad("no"))

    assert verified.get(verified.digest(b"good")) is found


def test_it_holds_no_more_than_it_may(hands):
    verified, found = Verified(hands.clock), known(hands)
    for number in range(MOST_GOOD + 10):
        verified.put(verified.digest(b"%d" % number), found)

    assert len(verified) == MOST_GOOD


def test_digests_mean_nothing_elsewhere(hands):
    assert Verified(hands.clock).digest(b"token") != Verified(hands.clock).digest(b"token")


def test_everything_can_be_forgotten(hands):
    verified = Verified(hands.clock)
    verified.put(verified.digest(b"a"), known(hands))
    verified.put(verified.digest(b"b"), Bad("no"))
    verified.forget()

    assert verified.get(verified.digest(b"a")) is verified.get(verified.digest(b"b")) is None


def test_that_one_was_good_is_remembered_longer_and_tells_nothing_else(hands):
    verified = Verified(hands.clock)
    digest = verified.digest(b"token")
    assert not verified.was_good(digest)
    verified.put(digest, known(hands))
    hands.pass_s(GOOD_S)
    verified.forget()

    assert verified.was_good(digest)
    assert verified.get(digest) is None


def test_until_it_is_bad(hands):
    verified = Verified(hands.clock)
    digest = verified.digest(b"token")
    verified.put(digest, known(hands))
    verified.put(digest, Bad("no"))

    assert not verified.was_good(digest)


def test_those_verified_last_are_remembered(hands):
    verified, found = Verified(hands.clock), known(hands)
    digests = [verified.digest(b"%d" % number) for number in range(MOST_GOOD)]
    for digest in (*digests, digests[0], verified.digest(b"one more")):
        verified.put(digest, found)

    assert verified.was_good(digests[0])
    assert not verified.was_good(digests[1])


def test_a_credential_is_recalled_as_it_is_looked_up(hands):
    verified, good, bad = Verified(hands.clock), known(hands), Bad("no")
    verified.put(verified.digest(b"good"), good)
    verified.put(verified.digest(b"bad"), bad)
    assert [verified.recall(each) for each in (b"good", b"bad", b"new")] == [good, bad, None]
    hands.pass_s(GOOD_S)

    assert verified.recall(b"good") is None


def test_who_remembers_a_finding_itself_sees_until_when_it_holds(hands):
    verified, found = Verified(hands.clock), known(hands)
    verified.put(verified.digest(b"token"), found)
    assert found.until_s == hands.now_s + GOOD_S
    verified.forget()

    assert found.until_s < hands.now_s


def claiming(hands, **claims):
    return Known(Caller(WayName("staff"), "alice", frozenset("abc"), claims, hands.wall_s + 1e9))


def test_of_a_caller_is_kept_what_is_asked_about_it(hands):
    verified, found = Verified(hands.clock), claiming(hands, team="x", more=["y"] * 1000)
    verified.keep(Asked(frozenset({"team"}), frozenset("b")))
    verified.put(verified.digest(b"token"), found)

    assert verified.recall(b"token") is found
    assert (found.caller.claims, found.caller.scope) == ({"team": "x"}, {"b"})


def test_when_more_is_asked_what_lacks_it_is_verified_again_and_without_a_turn(hands):
    verified = Verified(hands.clock)
    verified.keep(Asked(frozenset({"team"})))
    verified.put(verified.digest(b"token"), claiming(hands, team="x", level=1))
    verified.keep(Asked())  # less than before: nothing lacks
    assert verified.recall(b"token") is not None
    verified.keep(Asked(frozenset({"level"})))
    assert verified.recall(b"token") is None
    assert verified.was_good(verified.digest(b"token"))
    verified.put(verified.digest(b"token"), again := claiming(hands, team="x", level=1, more=1))

    assert again.caller.claims == {"team": "x", "level": 1}


def test_it_holds_no_more_bytes_than_it_may(hands):
    verified, large = Verified(hands.clock), "x" * 300_000
    for number in range(200):
        verified.put(verified.digest(b"%d" % number), claiming(hands, groups=[large + str(number)]))
        assert verified.held_bytes <= MOST_BYTES
    each = size_of(claiming(hands, groups=[large + "199"]))

    assert len(verified) == MOST_BYTES // each > 50
    assert verified.recall(b"199") is not None
    assert verified.recall(b"0") is None


def test_what_it_holds_is_counted_right_however_it_goes(hands):
    verified = Verified(hands.clock)
    for _ in range(2):  # the second time in the place of the first
        verified.put(verified.digest(b"a"), claiming(hands, groups=["x"]))
    assert verified.held_bytes == size_of(claiming(hands, groups=["x"]))
    hands.pass_s(GOOD_S)
    assert verified.recall(b"a") is None
    assert verified.held_bytes == 0
    verified.put(verified.digest(b"a"), claiming(hands, groups=["x"]))
    verified.forget()

    assert verified.held_bytes == 0
