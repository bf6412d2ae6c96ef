"""The authorization server's answer: RFC 6749 sections 5.1 and 5.2, and what real servers send instead."""

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.oauth.token_answer import MAX_TOKEN_CHARS, ServerAnswer, read_token_answer
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings

WALL_S = 1_700_000_000.0
HTTP_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # WALL_S
GOOD = {"access_token": "access_token_1", "token_type": "Bearer", "expires_in": 3600}


def read(
    body: object,
    status: int = 200,
    asked: tuple[str, ...] = (),
    dpop: DpopSettings | None = None,
    *,
    takes_any_type: bool = False,
    **fields: str,
) -> Granted | Failed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    answer = ServerAnswer(status, named, raw)
    return read_token_answer(answer, asked, WALL_S, dpop, takes_any_type=takes_any_type)


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2ln"])


def lifetime(**members: object) -> float | None:
    outcome = read(GOOD | members)
    assert isinstance(outcome, Granted)
    return outcome.lifetime_s


def test_a_token_is_read():
    assert read(GOOD) == Granted(Secret("access_token_1"), 3600.0, ())


def test_unknown_members_and_a_refresh_token_are_ignored():
    assert read(GOOD | {"refresh_token": "r", "x": {"y": [1]}}) == read(GOOD)


FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (
            b"access_token=t%2B1&token_type=bearer&expires_in=60&scope=a+b",
            200,
            (Secret("t+1"), 60.0, ("a", "b")),
        ),
        (b"access_token=t", 200, (Secret("t"), None, ())),
        (b"error=invalid_scope", 400, (FailureKind.REFUSED, "invalid_scope")),
        (b"error=invalid_client", 200, (FailureKind.REFUSED, "invalid_client")),
        (b"error=temporarily_unavailable", 400, (FailureKind.UNREACHABLE, "temporarily_unavailable")),
        (b"access_token=t%0D%0AX-Evil:+1", 200, (FailureKind.INVALID, "")),
        (b"access_token=t&access_token=u", 200, (FailureKind.INVALID, "")),
        (b"token=t", 200, (FailureKind.INVALID, "")),
    ],
)
def test_a_response_that_is_form_encoded_means_what_its_json_would(body: bytes, status: int, outcome: object):
    read_so = read(body, status, content_type=FORM)
    if isinstance(read_so, Granted):
        assert (read_so.access_token, read_so.lifetime_s, read_so.scope) == outcome
    else:
        assert (read_so.kind, read_so.code) == outcome
    assert isinstance(read(body, content_type="text/plain"), Failed)


@pytest.mark.parametrize("spelling", ["Bearer", "bearer", "BEARER"])
def test_the_type_is_compared_without_case(spelling: str):
    assert isinstance(read(GOOD | {"token_type": spelling}), Granted)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("token_type", "mac"),
        ("token_type", "DPoP"),
        ("token_type", "BearerToken"),
        ("token_type", "Bearer x"),
        ("token_type", 1),
        ("token_type", ["Bearer"]),
        ("token_type", False),
        ("access_token", None),
        ("access_token", ""),
        ("access_token", 7),
        ("access_token", ["t"]),
        ("access_token", "a b"),
        ("access_token", "a\r\nX: y"),
        ("access_token", "a\n"),
        ("access_token", "é"),
        ("access_token", " ab"),
        ("access_token", "a\tb"),
        ("access_token", "a\x00b"),
        ("access_token", "a\x7fb"),
        ("access_token", "a\x80b"),
        ("access_token", "a\u2028b"),
        ("access_token", "\ud800"),
        ("access_token", "x" * (MAX_TOKEN_CHARS + 1)),
    ],
)
def test_a_token_that_cannot_be_used_is_an_invalid_answer(member: str, value: object):
    outcome = read(GOOD | {member: value})
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.INVALID


STRICT, LENIENT = DpopSettings(), DpopSettings(allows_bearer=True)
NOT_BOUND = "the authorization server issued a Bearer token, although one bound to our key was requested"
NOT_BEARER = "the authorization server issued a token of another type than Bearer"
NOT_DPOP = "the authorization server issued a token of another type than DPoP"


@pytest.mark.parametrize(
    ("stated", "dpop", "expected"),
    [
        ("Bearer", None, False),
        ("DPoP", None, NOT_BEARER),
        ("DPoP", STRICT, True),
        ("dpop", STRICT, True),
        ("DPOP", LENIENT, True),
        ("Bearer", STRICT, NOT_BOUND),
        ("bEARER", STRICT, NOT_BOUND),
        ("Bearer", LENIENT, False),
        ("mac", STRICT, NOT_DPOP),
        ("mac", LENIENT, NOT_DPOP),
        ("DPoP ", STRICT, True),
        (None, STRICT, True),
        ("", STRICT, True),
        (None, LENIENT, True),
        (None, None, False),
        ("", None, False),
        (" ", None, False),
        (" bearer\n", None, False),
        ("BearerToken", STRICT, NOT_DPOP),
        ("BearerToken", LENIENT, NOT_DPOP),
        ("BearerToken", None, NOT_BEARER),
    ],
)
def test_a_token_is_of_the_type_that_was_asked_for(
    stated: object, dpop: DpopSettings | None, expected: bool | str
):
    """The outcome says whether the token is bound, or why there is none."""
    outcome = read(GOOD | {"token_type": stated}, dpop=dpop)
    assert (outcome.is_bound if isinstance(outcome, Granted) else outcome.reason) == expected


def test_what_binds_the_token_is_not_told_by_the_answer():
    outcome = read(GOOD | {"token_type": "DPoP"}, dpop=STRICT)
    assert isinstance(outcome, Granted)
    assert outcome.prover is None


def test_a_type_that_is_left_out_is_what_was_asked_for():
    answer = {"access_token": "t"}
    assert read(answer) == Granted(Secret("t"), None, ())
    assert read(answer, dpop=STRICT) == Granted(Secret("t"), None, (), is_bound=True)


@pytest.mark.parametrize(
    ("stated", "dpop", "expected"),
    [
        ("BearerToken", None, False),
        ("Bearer Token", None, False),
        ("urn:x:token", None, False),
        (7, None, False),
        (["Bearer"], None, False),
        ("bearer", None, False),
        (None, None, False),
        ("mac", None, NOT_BEARER),
        (" MAC ", None, NOT_BEARER),
        ("DPoP", None, NOT_BEARER),
        (" dpop", None, NOT_BEARER),
        ("BearerToken", LENIENT, False),
        ("mac", LENIENT, NOT_DPOP),
        ("DPoP", LENIENT, True),
        ("BearerToken", STRICT, NOT_DPOP),
        ("Bearer", STRICT, NOT_BOUND),
    ],
)
def test_whose_owner_says_so_gets_bearer_tokens_by_any_name(
    stated: object, dpop: DpopSettings | None, expected: bool | str
):
    """But never one that is worth nothing without a key."""
    outcome = read(GOOD | {"token_type": stated}, dpop=dpop, takes_any_type=True)
    assert (outcome.is_bound if isinstance(outcome, Granted) else outcome.reason) == expected


@pytest.mark.parametrize(
    "text",
    [
        "00Dx0000000BV7z!AR8AQBM8J_xr9kLqmZIRyQxZgLcM4HVi41aGtW0qW3JCzf5xdTGGGSoVim8FfJkZEqxbjaFbberKGk8v8AnYrvChG4qJbQo8",
        "12|Zk3^a#b%20c",
        "a=b",
        "=",
        '"quoted"',
        "\\,;:@{}[]()<>?*&$'`",
        "".join(map(chr, range(0x21, 0x7F))),
    ],
)
def test_a_token_is_any_visible_ascii(text: str):
    outcome = read(GOOD | {"access_token": text})
    assert isinstance(outcome, Granted)
    assert outcome.access_token.reveal() == text


def test_the_longest_token_passes():
    assert isinstance(read(GOOD | {"access_token": "x" * (MAX_TOKEN_CHARS - 1) + "="}), Granted)


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (59.5, 59.5),
        ("59.5", 59.5),
        (0, 0.0),
        (-5, -5.0),
        ("-5", -5.0),
        (864_000, 864_000.0),
        (None, None),
        (True, None),
        (False, None),
        ("soon", None),
        ("1_000", None),
        ("nan", None),
        ("٣", None),
        ("", None),
        ([3600], None),
        (1_700_000_000_000, None),
        (10**400, None),
    ],
)
def test_expires_in_is_a_number_a_numeric_string_or_nothing(expires_in: object, expected: float | None):
    assert lifetime(expires_in=expires_in) == expected


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_beyond_reason_are_values_too(number: str):
    body = b'{"access_token":"t","token_type":"bearer","expires_in":' + number.encode() + b"}"
    outcome = read(body)
    if isinstance(outcome, Granted):
        assert outcome.lifetime_s is None
    else:
        assert outcome.kind is FailureKind.INVALID


def test_the_earlier_of_expires_in_and_exp_counts():
    assert lifetime(access_token=jwt(exp=WALL_S + 600), expires_in=3600) == 600.0
    assert lifetime(access_token=jwt(exp=WALL_S + 7200), expires_in=3600) == 3600.0
    assert lifetime(access_token=jwt(exp=WALL_S + 600), expires_in=None) == 600.0


def test_exp_is_counted_on_the_clock_of_the_server_that_wrote_it():
    """Its `Date` says 22:13:20, which is our time; here it is an hour ahead of us."""
    body = GOOD | {"access_token": jwt(exp=WALL_S + 3600 + 60)}
    outcome = read(body, date="Tue, 14 Nov 2023 23:13:20 GMT")
    assert isinstance(outcome, Granted)
    assert outcome.lifetime_s == 60.0


def test_a_clock_of_ours_that_runs_behind_lengthens_no_life():
    assert lifetime(access_token=jwt(iat=WALL_S + 900, exp=WALL_S + 960), expires_in=None) == 60.0


def test_a_half_dead_token_handed_out_again_is_not_taken_for_a_new_one():
    assert lifetime(access_token=jwt(iat=WALL_S - 3590, exp=WALL_S + 10), expires_in=3600) == 10.0


@pytest.mark.parametrize("exp", ["soon", None, True, [1], 10**400, 1e300])
def test_an_exp_that_is_no_instant_is_no_hint(exp: object):
    assert lifetime(access_token=jwt(exp=exp)) == 3600.0


@pytest.mark.parametrize("token", ["a.b.c", "a..c", "...", "a.W10.c", "a.bnVsbA.c", "a.b.c.d.e", "a.!!!!.c"])
def test_what_only_looks_like_a_jwt_is_opaque(token: str):
    outcome = read(GOOD | {"access_token": token})
    assert isinstance(outcome, Failed) or outcome.lifetime_s == 3600.0


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (None, ("a", "b")),
        ("a", ("a",)),
        ("", ()),
        (["a", "c"], ("a", "c")),
        ("a b\x1b[2J c", ("a", "c")),
        (7, ("a", "b")),
    ],
)
def test_the_granted_scope_is_what_was_asked_where_the_answer_is_silent(
    stated: object, expected: tuple[str, ...]
):
    outcome = read(GOOD | {"scope": stated}, asked=("a", "b"))
    assert isinstance(outcome, Granted)
    assert outcome.scope == expected


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": "invalid_client"}, FailureKind.REFUSED, "invalid_client"),
        (401, {"error": "invalid_client"}, FailureKind.REFUSED, "invalid_client"),
        (403, {"error": "access_denied"}, FailureKind.REFUSED, "access_denied"),
        (200, {"error": "invalid_scope"}, FailureKind.REFUSED, "invalid_scope"),
        (200, GOOD | {"error": "invalid_scope"}, FailureKind.REFUSED, "invalid_scope"),
        (404, {"error": "unauthorized_client"}, FailureKind.REFUSED, "unauthorized_client"),
        (400, {"error": "hunter2"}, FailureKind.REFUSED, ""),
        (400, {"error": {"message": "hunter2"}}, FailureKind.REFUSED, ""),
        (400, {"error": "server_error"}, FailureKind.UNREACHABLE, "server_error"),
        (400, {"error": "invalid_dpop_proof"}, FailureKind.REFUSED, "invalid_dpop_proof"),
        (401, {"error": "use_dpop_nonce"}, FailureKind.REFUSED, "use_dpop_nonce"),
        (200, {"error": "temporarily_unavailable"}, FailureKind.UNREACHABLE, "temporarily_unavailable"),
        (500, {"error": "invalid_client"}, FailureKind.UNREACHABLE, "invalid_client"),
        (503, b"", FailureKind.UNREACHABLE, ""),
        (429, {"error": "invalid_request"}, FailureKind.UNREACHABLE, "invalid_request"),
        (408, b"", FailureKind.UNREACHABLE, ""),
        (400, b"error=invalid_client", FailureKind.REFUSED, ""),
        (401, b"", FailureKind.REFUSED, ""),
        (403, b"<html>hunter2</html>", FailureKind.REFUSED, ""),
        (302, b"", FailureKind.INVALID, ""),
        (404, b"<html>", FailureKind.INVALID, ""),
        (200, b"<html>hunter2</html>", FailureKind.INVALID, ""),
        (200, b"access_token=t&token_type=bearer", FailureKind.INVALID, ""),
        (200, b"", FailureKind.INVALID, ""),
        (200, b"[]", FailureKind.INVALID, ""),
        (200, b"null", FailureKind.INVALID, ""),
        (200, b'{"access_token":"a","access_token":"b","token_type":"Bearer"}', FailureKind.INVALID, ""),
        (200, b"[" * 100_000, FailureKind.INVALID, ""),
        (200, b'{"a":' * 100_000, FailureKind.INVALID, ""),
        (200, b"\xff\xfe{\x00}\x00", FailureKind.INVALID, ""),
        (204, b"", FailureKind.INVALID, ""),
    ],
)
def test_a_failure_has_a_kind_and_at_most_a_registered_code(
    status: int, body: object, kind: FailureKind, code: str
):
    outcome = read(body, status)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.code) == (kind, code)
    assert "hunter2" not in repr(outcome)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        (HTTP_DATE, 0.0),
        ("Tue, 14 Nov 2023 20:00:00 GMT", 0.0),
        ("86400", 300.0),
        ("9" * 400, 300.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(asked: str, expected: float | None):
    outcome = read(b"", 503, retry_after=asked)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == expected


def test_the_answer_and_the_token_show_nothing():
    answer = ServerAnswer(200, {"set-cookie": "hunter2"}, json.dumps(GOOD).encode())
    assert "access_token_1" not in repr(answer)
    assert "hunter2" not in repr(answer)
    assert "access_token_1" not in repr(read(GOOD))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.integers(100, 599), st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.text())
@example(200, b"1" * 10_000, "")
@example(200, b'{"expires_in":' + b"1" * 10_000 + b"}", "")
def test_every_answer_yields_a_value(status: int, body: bytes, field: str):
    fields = {"retry-after": field, "date": field}
    assert isinstance(read_token_answer(ServerAnswer(status, fields, body), (), WALL_S), Granted | Failed)


@given(st.dictionaries(st.sampled_from([*GOOD, "error", "scope"]), JSON))
def test_every_object_yields_a_value(members: dict[str, object]):
    assert isinstance(read(GOOD | members), Granted | Failed)


@given(st.binary(max_size=60))
def test_every_middle_of_a_jwt_yields_a_value(middle: bytes):
    token = f"a.{base64.urlsafe_b64encode(middle).rstrip(b'=').decode()}.c"
    assert isinstance(read(GOOD | {"access_token": token}), Granted | Failed)
