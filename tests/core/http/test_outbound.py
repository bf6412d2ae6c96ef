import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import AuthorizationNotAllowed, BodyTooLarge, MalformedRequest
from gateway.core.http.outbound import OutboundPlan, request_id
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.core.samples import PROXY, STRANGER, head_of, route, token

HELD = token(1)
TOKEN = HELD.field_value


def out(head, caller=STRANGER, token=TOKEN, **members):
    """Request line and fields as they go out."""
    plan = OutboundPlan(route(**members))
    lines = plan.head(head, caller, HELD if token is not None else None, b"id-1")
    return b"\r\n".join(lines).split(b"\r\n")


def fields(lines, name):
    prefix = name.lower().encode() + b":"
    return [line[len(prefix) :].strip() for line in lines if line.lower().startswith(prefix)]


@pytest.mark.parametrize(
    ("members", "target", "line"),
    [
        ({}, "/a?b", b"GET /a?b HTTP/1.1"),
        ({"base_path": "/v2"}, "/a", b"GET /v2/a HTTP/1.1"),
        ({"base_path": "/v2"}, "/", b"GET /v2/ HTTP/1.1"),
        ({"path": "/crm", "strips_prefix": True}, "/crm", b"GET / HTTP/1.1"),
        ({"path": "/crm", "strips_prefix": True}, "/crm?", b"GET /? HTTP/1.1"),
        ({"path": "/crm", "strips_prefix": True}, "/crm/a//b", b"GET /a//b HTTP/1.1"),
        ({"path": "/crm", "strips_prefix": True, "base_path": "/v2"}, "/crm", b"GET /v2 HTTP/1.1"),
        ({"path": "/crm", "strips_prefix": False, "base_path": "/v2"}, "/crm", b"GET /v2/crm HTTP/1.1"),
        ({"strips_prefix": True}, "/a", b"GET /a HTTP/1.1"),
        ({"base_path": "/v2"}, "http://x/a?b", b"GET /v2/a?b HTTP/1.1"),
    ],
)
def test_the_target_is_base_path_and_the_rest_byte_for_byte(members, target, line):
    assert out(head_of(target=target), **members)[0] == line


def test_an_asterisk_stays_one():
    assert out(head_of(method="OPTIONS", target="*"), base_path="/v2")[0] == b"OPTIONS * HTTP/1.1"


def test_a_request_of_http_1_0_goes_out_as_1_1_and_says_so_in_via():
    lines = out(head_of(version=(1, 0)))

    assert lines[0] == b"GET / HTTP/1.1"
    assert fields(lines, "Via") == [b"1.0 gateway"]


# ── Authorization ─────────────────────────────────────────────────────────────────────────────────────

OWN = "Authorization: Bearer mine"


@pytest.mark.parametrize(
    ("policy", "given_fields", "token", "sent"),
    [
        (CallerAuthorization.REPLACE, [], TOKEN, [TOKEN]),
        (CallerAuthorization.REPLACE, [OWN], TOKEN, [TOKEN]),
        (CallerAuthorization.REPLACE, [OWN], None, []),
        (CallerAuthorization.REPLACE, [OWN, OWN], TOKEN, [TOKEN]),
        (CallerAuthorization.KEEP, [], TOKEN, [TOKEN]),
        (CallerAuthorization.KEEP, [OWN], TOKEN, [b"Bearer mine"]),
        (CallerAuthorization.KEEP, [OWN], None, [b"Bearer mine"]),
        (CallerAuthorization.KEEP, [OWN, "Connection: authorization"], TOKEN, [TOKEN]),
        (CallerAuthorization.REJECT, [], TOKEN, [TOKEN]),
    ],
)
def test_exactly_one_authorization_goes_out(policy, given_fields, token, sent):
    assert fields(out(head_of(*given_fields), token=token, authorization=policy), "Authorization") == sent


def test_two_authorizations_are_never_kept():
    with pytest.raises(MalformedRequest):
        out(head_of(OWN, OWN), authorization=CallerAuthorization.KEEP)


def test_an_authorization_is_rejected_where_the_route_says_so():
    plan = OutboundPlan(route(authorization=CallerAuthorization.REJECT))
    plan.admit(head_of())
    with pytest.raises(AuthorizationNotAllowed):
        plan.admit(head_of("Authorization:"))


@pytest.mark.parametrize(("length", "is_refused"), [(None, False), (0, False), (5, False), (6, True)])
def test_a_body_is_admitted_up_to_the_limit(length, is_refused):
    plan = OutboundPlan(route(max_body_bytes=5))
    head = head_of(*([] if length is None else [f"Content-Length: {length}"]), method="POST")
    if is_refused:
        with pytest.raises(BodyTooLarge):
            plan.admit(head)
    else:
        plan.admit(head)


# ── proofs of possession ──────────────────────────────────────────────────────────────────────────────

PROOF = "DPoP: the.callers.proof"


@pytest.mark.parametrize(
    ("policy", "given_fields", "token", "sent"),
    [
        # with a token of ours, never
        (CallerAuthorization.REPLACE, [PROOF], TOKEN, []),
        (CallerAuthorization.REPLACE, [PROOF, OWN], TOKEN, []),
        (CallerAuthorization.KEEP, [PROOF], TOKEN, []),
        (CallerAuthorization.KEEP, [PROOF, OWN, "Connection: authorization"], TOKEN, []),
        (CallerAuthorization.REJECT, [PROOF], TOKEN, []),
        # with the caller's own Authorization, or where there is none at all
        (CallerAuthorization.KEEP, [PROOF, OWN], TOKEN, [b"the.callers.proof"]),
        (CallerAuthorization.KEEP, [PROOF, OWN], None, [b"the.callers.proof"]),
        (CallerAuthorization.KEEP, ["dpop: p", OWN], None, [b"p"]),
        (CallerAuthorization.KEEP, [PROOF, PROOF, OWN], None, [b"the.callers.proof, the.callers.proof"]),
        (CallerAuthorization.KEEP, [PROOF], None, [b"the.callers.proof"]),
        (CallerAuthorization.REPLACE, [PROOF], None, [b"the.callers.proof"]),
        (CallerAuthorization.REJECT, [PROOF], None, [b"the.callers.proof"]),
        # without the token that it belongs to, never
        (CallerAuthorization.REPLACE, [PROOF, OWN], None, []),
        (CallerAuthorization.KEEP, [PROOF, OWN, "Connection: authorization"], None, []),
        # as every field, not where Connection names it
        (CallerAuthorization.KEEP, [PROOF, OWN, "Connection: dpop"], None, []),
    ],
)
def test_the_callers_proof_goes_where_the_callers_token_goes(policy, given_fields, token, sent):
    assert fields(out(head_of(*given_fields), token=token, authorization=policy), "DPoP") == sent


def test_the_callers_proof_can_be_removed_or_set_by_rules():
    removed = out(head_of(PROOF), token=None, request_headers=HeaderRules(remove=("dpop",)))
    replaced = out(head_of(PROOF), token=None, request_headers=HeaderRules(set=(("DPoP", "ours"),)))

    assert fields(removed, "DPoP") == []
    assert fields(replaced, "DPoP") == [b"ours"]


PLAIN = UpstreamSettings(Scheme.HTTP, "10.0.0.1", 8080)
LOCAL = UpstreamSettings(Scheme.UNIX, "localhost", 80, "/run/legacy.sock")
V6 = UpstreamSettings(Scheme.HTTPS, "2001:db8::1", 8443)


@pytest.mark.parametrize(
    ("members", "target", "expected"),
    [
        ({}, "/a", "https://api.example.com/a"),
        ({}, "/a?b=c?d", "https://api.example.com/a"),
        ({}, "/a%3Fb//c?", "https://api.example.com/a%3Fb//c"),
        ({}, "http://x.test/a?b", "https://api.example.com/a"),
        ({"upstream": PLAIN}, "/a", "http://10.0.0.1:8080/a"),
        ({"upstream": LOCAL}, "/a", "http://localhost/a"),
        ({"upstream": V6}, "/a", "https://[2001:db8::1]:8443/a"),
        ({"path": "/crm", "strips_prefix": True, "base_path": "/v2"}, "/crm/a?b", "https://api.example.com/v2/a"),
        ({"path": "/crm", "strips_prefix": True}, "/crm?b", "https://api.example.com/"),
        ({"preserves_host": True}, "/a?b", "https://A.test:81/a"),
        ({"preserves_host": True}, "http://x.test/a?b", "https://x.test/a"),
    ],
)  # fmt: skip
def test_the_uri_is_what_the_upstream_reads_from_what_it_gets(members, target, expected):
    assert OutboundPlan(route(**members)).uri(head_of(target=target, host="A.test:81")) == expected


def test_the_uri_of_an_asterisk_has_no_path():
    """RFC 9112 section 3.3."""
    assert OutboundPlan(route()).uri(head_of(method="OPTIONS", target="*")) == "https://api.example.com"


def test_a_host_that_is_missing_leaves_the_upstreams_name():
    head = head_of(version=(1, 0), host="")

    assert OutboundPlan(route(preserves_host=True)).uri(head) == "https://api.example.com/"


# ── strip first, inject last ──────────────────────────────────────────────────────────────────────────


def test_what_connection_names_is_stripped_and_what_is_injected_stays():
    lines = out(
        head_of("X-Foo: 1", "Connection: X-Foo, Authorization, X-Forwarded-For, Via, X-Request-ID", OWN)
    )

    assert fields(lines, "X-Foo") == []
    assert fields(lines, "Authorization") == [TOKEN]
    assert fields(lines, "X-Forwarded-For") == [b"203.0.113.9"]
    assert fields(lines, "X-Request-ID") == [b"id-1"]


NAMES = st.text(st.sampled_from("abcxyz-_"), min_size=1, max_size=6)


@given(st.lists(NAMES), st.lists(NAMES))
def test_no_field_that_connection_names_goes_out(names, listed):
    raw = [(b"Host", b"a"), (b"Connection", ", ".join(listed).encode()), *((n.encode(), b"v") for n in names)]
    lines = out(HeadReader(Limits()).read("GET", "/", (1, 1), raw))

    sent = {line.partition(b":")[0].lower().decode() for line in lines[2:]}
    assert not sent & {name.lower() for name in listed}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "authorization", "AUTHORIZATION", "X-A"]), st.text("ab ,")
        )
    )
)
def test_whatever_comes_one_authorization_goes_out_and_it_is_ours(pairs):
    head = head_of(*(f"{name}: {value}" for name, value in pairs))

    assert fields(out(head), "Authorization") == [TOKEN]


RULES = HeaderRules(set=(("X-Tenant", "acme"),), add=(("X-Tag", "1"), ("X-Tag", "2")), remove=("Cookie",))


def test_rules_remove_set_and_add():
    lines = out(
        head_of("x-tenant: evil", "X_Tenant: evil", "X-Tag: 0", "cookie: a", "X-Foo: 1"),
        request_headers=RULES,
    )

    assert fields(lines, "X-Tenant") == [b"acme"]
    assert fields(lines, "X_Tenant") == []
    assert fields(lines, "X-Tag") == [b"0", b"1", b"2"]
    assert fields(lines, "Cookie") == []
    assert fields(lines, "X-Foo") == [b"1"]


def test_connection_cannot_name_what_a_rule_sets():
    lines = out(head_of("Connection: X-Tenant"), request_headers=RULES)

    assert fields(lines, "X-Tenant") == [b"acme"]


@pytest.mark.parametrize(
    "name", ["X_My_Name", "x-my_name", "X_My-Name", "X-MY-NAME", "X.My.Name", "X~My!Name"]
)
def test_every_twin_of_a_name_that_a_rule_sets_is_removed(name):
    lines = out(head_of(f"{name}: evil"), request_headers=HeaderRules(set=(("X-My-Name", "ours"),)))

    assert b"evil" not in b"".join(lines)


@pytest.mark.parametrize("name", ["Cookie_Jar", "cookie.jar", "COOKIE-JAR"])
def test_every_twin_of_a_name_that_a_rule_removes_is_removed(name):
    lines = out(head_of(f"{name}: evil"), request_headers=HeaderRules(remove=("Cookie-Jar",)))

    assert b"evil" not in b"".join(lines)


@pytest.mark.parametrize("listed", ["X-Foo", "X_Foo", "x.foo"])
def test_every_twin_of_a_name_that_connection_lists_is_stripped(listed):
    lines = out(head_of(f"Connection: {listed}", "X-Foo: evil", "X_Foo: evil", "X.Foo: evil"))

    assert b"evil" not in b"".join(lines)


OVERRIDE = "X-HTTP-Method-Override"


def test_a_field_that_overrides_the_method_passes_only_where_it_is_allowed():
    sent = head_of("x-http-method-override: PUT", "X-Original-URL: /admin")
    lines = out(sent, request_headers=HeaderRules(allow=(OVERRIDE,)))

    assert fields(out(sent), OVERRIDE) == []
    assert fields(lines, OVERRIDE) == [b"PUT"]
    assert fields(lines, "X-Original-URL") == []


@pytest.mark.parametrize("rules", [HeaderRules(allow=(OVERRIDE,)), HeaderRules()])
@pytest.mark.parametrize("twin", ["X_HTTP_Method_Override", "X.HTTP-Method-Override"])
def test_a_twin_of_an_allowed_field_passes_nowhere(twin, rules):
    assert b"evil" not in b"".join(out(head_of(f"{twin}: evil"), request_headers=rules))


def test_an_allowed_field_is_stripped_where_connection_or_a_rule_says_so():
    rules = HeaderRules(allow=(OVERRIDE,), set=((OVERRIDE, "PATCH"),))

    assert fields(out(head_of(f"{OVERRIDE}: PUT"), request_headers=rules), OVERRIDE) == [b"PATCH"]
    allowed = HeaderRules(allow=(OVERRIDE,))
    listed = head_of(f"{OVERRIDE}: PUT", f"Connection: {OVERRIDE}")
    assert fields(out(listed, request_headers=allowed), OVERRIDE) == []


# ── who the caller is ─────────────────────────────────────────────────────────────────────────────────

CLAIMS = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-Host: evil",
    "Forwarded: for=6.6.6.6",
]


def test_a_strangers_claims_are_replaced():
    lines = out(head_of(*CLAIMS, host="a.test:81"))

    assert fields(lines, "X-Forwarded-For") == [b"203.0.113.9"]
    assert fields(lines, "X-Forwarded-Proto") == [b"http"]
    assert fields(lines, "X-Forwarded-Host") == [b"a.test:81"]
    assert fields(lines, "Forwarded") == []


def test_a_trusted_proxys_claims_are_kept_and_appended_to():
    lines = out(head_of(*CLAIMS, "X-Real-IP: 6.6.6.6", "X-Forwarded-Prefix: /p"), caller=PROXY)

    assert fields(lines, "X-Forwarded-For") == [b"6.6.6.6, 10.0.0.1"]
    assert fields(lines, "X-Forwarded-Proto") == [b"gopher"]
    assert fields(lines, "X-Forwarded-Host") == [b"evil"]
    assert fields(lines, "X-Real-IP") == [b"6.6.6.6"]
    assert fields(lines, "X-Forwarded-Prefix") == [b"/p"]
    assert fields(lines, "Forwarded") == [b"for=6.6.6.6"]


STRIPS = {"path": "/crm", "strips_prefix": True}


@pytest.mark.parametrize(
    ("members", "caller", "claims", "told"),
    [
        (STRIPS, STRANGER, [], [b"/crm"]),
        (STRIPS | {"base_path": "/v2"}, STRANGER, [], [b"/crm"]),
        (STRIPS, STRANGER, ["X-Forwarded-Prefix: /evil"], [b"/crm"]),
        (STRIPS, PROXY, [], [b"/crm"]),
        (STRIPS, PROXY, ["X-Forwarded-Prefix: /outer"], [b"/outer/crm"]),
        (STRIPS, PROXY, ["X-Forwarded-Prefix: /a/, /b", "X-Forwarded-Prefix: /c"], [b"/a/b/c/crm"]),
        (STRIPS, PROXY, ["X-Forwarded-Prefix: nonsense"], [b"/crm"]),
        (STRIPS, PROXY, ["X-Forwarded-Prefix:"], [b"/crm"]),
        ({"path": "/crm"}, STRANGER, ["X-Forwarded-Prefix: /evil"], []),
        ({"path": "/crm"}, PROXY, ["X-Forwarded-Prefix: /outer"], [b"/outer"]),
        ({"path": "/", "strips_prefix": True}, STRANGER, [], []),
        (STRIPS | {"request_headers": HeaderRules(remove=("x-forwarded-prefix",))}, PROXY, CLAIMS, []),
        (STRIPS | {"request_headers": HeaderRules(set=(("X-Forwarded-Prefix", "/o"),))}, PROXY, [], [b"/o"]),
        (STRIPS | {"request_headers": HeaderRules(add=(("X-Forwarded-Prefix", "/o"),))}, STRANGER, [], [b"/o"]),
    ],
)  # fmt: skip
def test_the_upstream_is_told_which_prefix_was_stripped(members, caller, claims, told):
    lines = out(head_of(*claims, target="/crm/a"), caller=caller, **members)

    assert fields(lines, "X-Forwarded-Prefix") == told


def test_a_rule_replaces_what_a_trusted_proxy_says():
    rules = HeaderRules(set=(("X-Forwarded-Prefix", "/ours"),), remove=("X-Real-IP",))
    claims = head_of("X-Forwarded-Prefix: /p", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6")
    lines = out(claims, caller=PROXY, request_headers=rules)

    assert fields(lines, "X-Forwarded-Prefix") == [b"/ours"]
    assert fields(lines, "X-Real-IP") == []
    assert fields(lines, "Forwarded") == [b"for=6.6.6.6"]


def test_an_underscore_twin_is_not_kept_even_from_a_trusted_proxy():
    twins = ("X_Forwarded_For: 6.6.6.6", "X-Forwarded_Host: evil", "X-Forwarded-Client_Cert: evil")
    lines = out(head_of(*twins), caller=PROXY)

    assert b"6.6.6.6" not in b"".join(lines)
    assert b"evil" not in b"".join(lines)


@pytest.mark.parametrize("caller", [STRANGER, PROXY])
@pytest.mark.parametrize("version", [(1, 0), (1, 1)])
@pytest.mark.parametrize("given_fields", [[], CLAIMS, ["Via: 1.0 x"], ["Via: 1.0 x", "Via: 1.1 y"]])
def test_each_field_that_tells_the_caller_goes_out_once(caller, version, given_fields):
    lines = out(head_of(*given_fields, version=version), caller=caller)

    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "X-Request-ID", "Host"):
        assert len(fields(lines, name)) == 1, name


def test_via_is_appended():
    assert fields(out(head_of("Via: 1.0 x", "Via: 1.1 y")), "Via") == [b"1.0 x, 1.1 y, 1.1 gateway"]


def test_host_is_the_upstreams_or_the_callers():
    assert out(head_of(host="A.test:81"))[1] == b"Host: api.example.com"
    assert out(head_of(host="A.test:81"), preserves_host=True)[1] == b"Host: A.test:81"


@pytest.mark.parametrize("caller", [STRANGER, PROXY])
@pytest.mark.parametrize("version", [(1, 0), (1, 1)])
def test_a_caller_that_names_no_host_is_not_forwarded_as_one(caller, version):
    lines = out(head_of("Host:" if version == (1, 1) else "X-A: b", host="", version=version), caller)

    assert fields(lines, "X-Forwarded-Host") == []
    assert len(fields(lines, "X-Forwarded-For")) == 1


def test_te_goes_out_with_its_connection_option_or_not_at_all():
    lines = out(head_of("TE: trailers", "Connection: TE"))
    assert (fields(lines, "TE"), fields(lines, "Connection")) == ([b"trailers"], [b"TE"])
    lines = out(head_of("TE: gzip", "Connection: TE, X-Foo"))
    assert (fields(lines, "TE"), fields(lines, "Connection")) == ([], [])


# ── request id ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_id", "is_kept"),
    [("a", True), ("a" * 128, True), ("a" * 129, False), ("", False), ("a b", False), ("a\tb", False), ("é", False),
     ("\x7f", False), ('{"a":1}', True), ("~!", True)],
)  # fmt: skip
def test_a_request_id_is_kept_if_it_is_short_and_visible(given_id, is_kept):
    assert request_id(head_of(f"X-Request-ID: {given_id}"), b"made") == (
        given_id.encode() if is_kept else b"made"
    )


def test_two_request_ids_are_none():
    assert request_id(head_of("X-Request-ID: a", "X-Request-ID: b"), b"made") == b"made"


def test_without_a_request_id_one_is_made():
    assert request_id(head_of(), b"made") == b"made"
