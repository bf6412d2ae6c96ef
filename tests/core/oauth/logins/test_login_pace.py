import pytest

from gateway.core.oauth.logins.login_pace import NO_REST, LoginCount
from gateway.core.oauth.token_outcome import FailureKind
from gateway.core.settings.login_settings import LoginPace


def counted(pace, *began_at_s):
    count = LoginCount()
    for now_s in began_at_s:
        count.began(pace, now_s)
    return count


def test_without_a_pace_nobody_waits():
    assert counted(None, *range(100)).rest(100.0) == NO_REST


@pytest.mark.parametrize(
    ("began_at_s", "now_s", "until_s"),
    [
        ([], 0.0, None),
        ([0.0, 1.0], 2.0, None),
        ([0.0, 1.0, 2.0], 2.0, 60.0),
        ([0.0, 1.0, 2.0], 59.999, 60.0),
        ([0.0, 1.0, 2.0], 60.0, None),
        ([0.0, 1.0, 2.0, 60.0], 60.0, 61.0),
        ([0.0, 50.0, 100.0], 100.0, None),
    ],
)
def test_no_more_than_so_many_begin_within_any_such_time(began_at_s, now_s, until_s):
    rest = counted(LoginPace(3, 60.0), *began_at_s).rest(now_s)

    assert (None if rest is NO_REST else rest.until_s) == until_s


def test_the_pause_says_why_and_is_not_ended_by_another_password():
    failed = counted(LoginPace(1, 60.0), 0.0).rest(1.0).failed

    assert failed.kind is FailureKind.UNREACHABLE
    assert failed.reason == "the client has logged in once within 60 s, as often as max_logins allows"
    assert failed.retry_after_s is not None
    assert not failed.was_sent
