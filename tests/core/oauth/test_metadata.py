"""What an authorization server says of itself: RFC 8414, OpenID Connect Discovery 1.0."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.metadata import (
    LIFETIME_S,
    LONGEST_LIFETIME_S,
    SHORTEST_LIFETIME_S,
    ServerMetadata,
    metadata_lifetime_s,
    metadata_places,
    read_metadata,
    said_issuer,
)
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind

ISSUER = "https://as.example.com/tenant"
TOKEN = "https://as.example.com/tenant/token"
REVOKE = "https://as.example.com/tenant/revoke"
GOOD = {"issuer": ISSUER, "token_endpoint": TOKEN}
NO_URLS = (None, 7, True, [], {}, "", "/token", "ftp://x/", "http://as.example.com/token")


def answered(document: object, status: int = 200, **fields: str) -> ServerAnswer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ServerAnswer(status, {name.replace("_", "-"): value for name, value in fields.items()}, body)


def read(
    document: object, status: int = 200, *, issuer: str = ISSUER, insecure: bool = False, **fields: str
) -> ServerMetadata | Failed:
    return read_metadata(answered(document, status, **fields), issuer, 0.0, allows_insecure=insecure)


def found(members: dict[str, object]) -> ServerMetadata:
    metadata = read(GOOD | members)
    assert isinstance(metadata, ServerMetadata)
    return metadata


def reason(document: object, status: int = 200, **options: object) -> str:
    failed = read(document, status, **options)
    assert isinstance(failed, Failed)
    return failed.reason


# ── where ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("issuer", "oauth", "openid"),
    [
        (
            "https://as.example.com",
            "https://as.example.com/.well-known/oauth-authorization-server",
            "https://as.example.com/.well-known/openid-configuration",
        ),
        (
            "https://as.example.com/",
            "https://as.example.com/.well-known/oauth-authorization-server",
            "https://as.example.com/.well-known/openid-configuration",
        ),
        (
            "https://as.example.com/realms/a",
            "https://as.example.com/.well-known/oauth-authorization-server/realms/a",
            "https://as.example.com/realms/a/.well-known/openid-configuration",
        ),
        (
            "https://as.example.com:8443/realms/a/",
            "https://as.example.com:8443/.well-known/oauth-authorization-server/realms/a",
            "https://as.example.com:8443/realms/a/.well-known/openid-configuration",
        ),
        (
            "http://[::1]:80/a%2Fb",
            "http://[::1]:80/.well-known/oauth-authorization-server/a%2Fb",
            "http://[::1]:80/a%2Fb/.well-known/openid-configuration",
        ),
    ],
)
def test_two_places_are_looked_at_the_one_of_the_rfc_first(issuer: str, oauth: str, openid: str):
    assert metadata_places(issuer) == (oauth, openid)


# ── in whose name ─────────────────────────────────────────────────────────────────────────────────


def test_metadata_in_the_issuers_own_name_is_believed():
    assert read(GOOD) == ServerMetadata(ISSUER, TOKEN, aliases={})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ISSUER, ISSUER + "/"),
        (ISSUER + "/", ISSUER),
        (ISSUER, ISSUER.upper()),
        (ISSUER, "https://AS.example.com/tenant"),
        (ISSUER, "https://as.example.com:443/tenant"),
        (ISSUER, "http://as.example.com/tenant"),
        (ISSUER, "https://as.example.com/t%65nant"),
        (ISSUER, ISSUER + "?x"),
        (ISSUER, " " + ISSUER),
        (ISSUER, "https://\u0430s.example.com/tenant"),
        ("https://as.example.com/caf\u00e9", "https://as.example.com/cafe\u0301"),
        (ISSUER, ""),
        (ISSUER, None),
        (ISSUER, [ISSUER]),
        (ISSUER, {"a": ISSUER}),
    ],
)
def test_an_issuer_that_differs_in_one_letter_is_another(asked: str, said: object):
    document = GOOD | {"issuer": said}
    assert reason(document, issuer=asked) == "the issuer's metadata names another issuer"
    assert said_issuer(answered(document)) == (said if isinstance(said, str) else "")


def test_an_answer_without_an_object_is_in_nobodys_name():
    assert said_issuer(answered(b"<html>")) == ""


@given(st.text(), st.text())
def test_only_the_very_issuer_is_believed(asked: str, said: str):
    metadata = read(GOOD | {"issuer": said}, issuer=asked)
    assert isinstance(metadata, ServerMetadata) == (asked == said)


# ── what is believed ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("endpoint", NO_URLS)
def test_without_an_endpoint_that_may_be_asked_there_is_no_metadata(endpoint: object):
    told = reason(GOOD | {"token_endpoint": endpoint})
    assert told.startswith("the issuer's metadata has ")
    assert ("no token_endpoint" in told) == (endpoint is None)


def test_an_endpoint_in_plain_is_believed_where_the_owner_allowed_it():
    document = GOOD | {"token_endpoint": "http://as.example.com/token"}
    assert isinstance(read(document, insecure=True), ServerMetadata)


def test_an_issuer_elsewhere_leads_to_no_endpoint_in_plain_on_this_machine():
    here = {"token_endpoint": "http://127.0.0.1:8080/token"}
    told = reason(GOOD | here)
    assert told.startswith("the issuer's metadata has a token_endpoint that credentials may not be sent to")
    named = {"revocation_endpoint": "http://localhost/revoke", "mtls_endpoint_aliases": here}
    metadata = found(named)
    assert (metadata.revocation_endpoint, metadata.aliases) == (None, {})
    ours = read(GOOD | here | {"issuer": "http://127.0.0.1"}, issuer="http://127.0.0.1")
    assert isinstance(ours, ServerMetadata)


@pytest.mark.parametrize("url", NO_URLS)
def test_other_endpoints_that_may_not_be_asked_are_left_out(url: object):
    aliases = {"token_endpoint": url, "revocation_endpoint": url}
    metadata = found({"revocation_endpoint": url, "mtls_endpoint_aliases": aliases})
    assert metadata.revocation_endpoint is None
    assert metadata.aliases == {}


@pytest.mark.parametrize("aliases", [None, 7, "x", [], [TOKEN], {"other_endpoint": TOKEN}])
def test_aliases_of_another_shape_are_left_out(aliases: object):
    assert found({"mtls_endpoint_aliases": aliases}).token_endpoint_for(shows_certificate=True) == TOKEN


def test_who_shows_a_certificate_asks_at_the_aliases_and_nobody_else():
    aliases = {"token_endpoint": "https://mtls.test/token", "revocation_endpoint": "https://mtls.test/revoke"}
    metadata = found({"revocation_endpoint": REVOKE, "mtls_endpoint_aliases": aliases})
    assert metadata.token_endpoint_for(shows_certificate=True) == "https://mtls.test/token"
    assert metadata.revocation_endpoint_for(shows_certificate=True) == "https://mtls.test/revoke"
    assert metadata.token_endpoint_for(shows_certificate=False) == TOKEN
    assert metadata.revocation_endpoint_for(shows_certificate=False) == REVOKE


def test_an_alias_for_one_endpoint_leaves_the_other_where_it_is():
    metadata = found(
        {"revocation_endpoint": REVOKE, "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.test/"}}
    )
    assert metadata.revocation_endpoint_for(shows_certificate=True) == REVOKE


LISTS = {
    "token_endpoint_auth_methods_supported": "auth_methods",
    "token_endpoint_auth_signing_alg_values_supported": "signing_algorithms",
    "grant_types_supported": "grant_types",
    "dpop_signing_alg_values_supported": "dpop_algorithms",
}


@pytest.mark.parametrize(("name", "attribute"), LISTS.items())
@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (["a", "urn:x:y", "a_b-c.d/e+f"], ("a", "urn:x:y", "a_b-c.d/e+f")),
        ([], ()),
        (["a", 7, None, ["b"], "", "a b", "a\n", "\x1b[2J", "é", "x" * 101, "x" * 100], ("a", "x" * 100)),
        (["a"] * 500, ("a",) * 100),
        (None, None),
        ("a", None),
        ({"a": 1}, None),
        (7, None),
    ],
)
def test_lists_are_read_as_far_as_they_are_words(name: str, attribute: str, stated: object, expected: object):
    assert getattr(found({name: stated}), attribute) == expected


# ── answers that hold none ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 410])
def test_any_status_but_200_is_no_metadata_whatever_the_body_says(status: int):
    assert reason(GOOD, status) == f"the issuer publishes no metadata: it answered {status}"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_that_is_unwell_is_out_of_reach(status: int):
    failed = read(GOOD, status)
    assert failed == Failed(
        FailureKind.UNREACHABLE, f"the issuer answered {status} when asked for its metadata"
    )


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("7", 7.0), ("9999", 300.0), ("Thu, 01 Jan 1970 00:00:30 GMT", 30.0), ("x", None)],
)
def test_it_may_say_how_long_it_wants_to_be_left_alone(stated: str, expected: float | None):
    failed = read(b"", 503, retry_after=stated)
    assert isinstance(failed, Failed)
    assert failed.retry_after_s == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"issuer":1,"issuer":2}', b"{" * 9000])
def test_a_body_that_is_no_object_is_no_metadata(body: bytes):
    assert reason(body) == "the issuer publishes no metadata: its answer is not a JSON object"


def test_no_failure_shows_what_the_server_wrote():
    for document in (GOOD | {"issuer": "hunter2"}, GOOD | {"token_endpoint": "hunter2"}, b"hunter2"):
        assert "hunter2" not in repr(read(document))


# ── for how long ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cache_control", "lifetime_s"),
    [
        ("", LIFETIME_S),
        ("no-store", LIFETIME_S),
        ("max-age=7200", 7200.0),
        ("MAX-AGE=7200", 7200.0),
        ('max-age="7200"', 7200.0),
        ("public, max-age=7200", 7200.0),
        ("public,max-age=7200,immutable", 7200.0),
        ("max-age=0", SHORTEST_LIFETIME_S),
        ("max-age=299", SHORTEST_LIFETIME_S),
        ("max-age=301", 301.0),
        ("max-age=86400", LONGEST_LIFETIME_S),
        ("max-age=86401", LONGEST_LIFETIME_S),
        ("max-age=999999999", LONGEST_LIFETIME_S),
        ("max-age=-1", LIFETIME_S),
        ("max-age=1e9", LIFETIME_S),
        ("max-age=", LIFETIME_S),
        ("max-age=\u0663\u0663\u0663\u0663", LIFETIME_S),
        ("s-maxage=7200", LIFETIME_S),
        ("x-max-age=7200", LIFETIME_S),
        ("stale-if-error=7200", LIFETIME_S),
    ],
)
def test_it_is_believed_as_long_as_it_says_within_bounds(cache_control: str, lifetime_s: float):
    assert metadata_lifetime_s(cache_control) == lifetime_s
    metadata = read(GOOD, cache_control=cache_control)
    assert isinstance(metadata, ServerMetadata)
    assert metadata.lifetime_s == lifetime_s


@given(st.text())
def test_every_lifetime_is_within_bounds(cache_control: str):
    assert SHORTEST_LIFETIME_S <= metadata_lifetime_s(cache_control) <= LONGEST_LIFETIME_S


# ── whatever comes ────────────────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
MEMBERS = st.sampled_from([*GOOD, *LISTS, "revocation_endpoint", "mtls_endpoint_aliases"])


@given(st.integers(100, 599), st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.text())
def test_every_answer_is_metadata_or_a_failure(status: int, body: bytes, field: str):
    assert isinstance(read(body, status, cache_control=field), ServerMetadata | Failed)


@given(st.dictionaries(MEMBERS, JSON))
def test_every_object_is_metadata_or_a_failure(members: dict[str, object]):
    assert isinstance(read(GOOD | members), ServerMetadata | Failed)
