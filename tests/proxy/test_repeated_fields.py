"""Fields that a caller repeats: what was prepared for them is what would be made of them anew."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import GatewayError
from gateway.core.http.carrying import outbound_plan
from gateway.core.settings.carriers import InCookie, InHeader, InQuery
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules
from tests.core.samples import PROXY, STRANGER, route, token
from tests.proxy import near_plain
from tests.proxy.test_plain_heads import start, warm

RULES = HeaderRules(set=(("X-A", "ours"),), add=(("X-Tag", "1"),), remove=("Cookie",), allow=("X-Host",))
ROUTES = [
    {},
    {"preserves_host": True},
    {"base_path": "/v2"},
    {"path": "/a", "strips_prefix": True},
    {"request_headers": RULES},
    {"authorization": CallerAuthorization.KEEP},
    {"send": (InHeader("X-Key", ""), InQuery("key", ""), InCookie("sid", ""))},
]
PLANS = [outbound_plan(route(**members)) for members in ROUTES]
CALLERS = [STRANGER, PROXY, replace(STRANGER, address=b"203.0.113.10")]
TOKENS = [token(1), token(2), None]
LINES = [b"GET /a HTTP/1.1", b"HEAD /a/b?c=d HTTP/1.1", b"DELETE /%41?key HTTP/1.1"]


def sent(head, plan, caller, held, request_id):
    """What goes out, or which error nothing goes out for."""
    try:
        plan.admit(head)
        return b"\r\n".join(plan.head(head, caller, held, request_id))
    except GatewayError as error:
        return type(error)


@given(
    near_plain.requests(),
    st.lists(
        st.tuples(
            st.sampled_from(LINES),
            st.sampled_from(PLANS),
            st.sampled_from(CALLERS),
            st.sampled_from(TOKENS),
            st.sampled_from([b"id-1", b"id-2"]),
        ),
        min_size=3,
        max_size=6,
    ),
)
def test_what_goes_out_for_repeated_fields_is_what_would_go_out_for_new_ones(data, requests):
    reader, block, before = warm(), data[data.find(b"\r\n") :], None
    for line, *others in requests:
        head, anew = reader.read_plain(line + block, before), reader.read_plain(line + block)
        assert (head is None) == (anew is None)
        if head is not None and anew is not None:
            before = head.plain_fields
            assert sent(head, *others) == sent(anew, *others)


@pytest.mark.parametrize("plan", PLANS, ids=[" ".join(members) or "usual" for members in ROUTES])
def test_something_is_prepared_once_fields_are_repeated_and_for_one_plan_and_caller(plan):
    reader, data, seen = warm(), start(b"GET /a HTTP/1.1", b"X-A: b"), []
    before = None
    for caller in [STRANGER, STRANGER, STRANGER, PROXY]:
        head = reader.read_plain(data, before)
        before = head.plain_fields
        sent(head, plan, caller, None, b"id-1")
        seen.append(before.sent)

    assert seen[0] is None
    assert seen[1] is seen[2] is not seen[3]
    assert [(each.plan, each.caller) for each in seen[2:]] == [(plan, STRANGER), (plan, PROXY)]


def test_no_token_is_kept_with_what_was_prepared():
    """A connection may be idle for longer than a token lives."""
    reader, data = warm(), start(b"GET /a HTTP/1.1")
    before = reader.read_plain(data).plain_fields
    head = reader.read_plain(data, before)
    sent(head, PLANS[0], STRANGER, token(1), b"id-1")

    assert b"token_1" not in before.sent.start + before.sent.end
