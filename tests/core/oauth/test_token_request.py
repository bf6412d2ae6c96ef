"""The token request: RFC 6749 sections 2.3 and 4.4.2, byte for byte."""

from base64 import b64decode
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.token_request import basic_credentials, build_request_about, build_token_request
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName, Grant, GrantType

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def grant(method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC, **members: object) -> Grant:
    base = {"client_id": "mobile_android"} | members
    return Grant(ClientName("crm"), "http://127.0.0.1/token", method=method, **base)


def test_id_and_secret_are_form_encoded_before_base64():
    assert (
        basic_credentials("my:client", Secret("p@ss+w%rd é"))
        == "Basic bXklM0FjbGllbnQ6cCU0MHNzJTJCdyUyNXJkJTIwJUMzJUE5"
    )


@given(TEXT, TEXT)
def test_every_id_and_secret_can_be_read_back(client_id: str, secret: str):
    encoded = basic_credentials(client_id, Secret(secret)).removeprefix("Basic ")
    read_id, _, read_secret = b64decode(encoded).decode("ascii").partition(":")
    assert (unquote(read_id), unquote(read_secret)) == (client_id, secret)


def test_basic_leaves_the_credentials_out_of_the_body():
    request = build_token_request(grant(), Secret("s3cret"))
    assert request.body == b"grant_type=client_credentials"
    assert request.headers["Authorization"].startswith("Basic ")


def test_post_leaves_the_credentials_out_of_the_header():
    request = build_token_request(grant(AuthMethod.CLIENT_SECRET_POST), Secret("s3 cret&x"))
    assert (
        request.body == b"grant_type=client_credentials&client_id=mobile_android&client_secret=s3%20cret%26x"
    )
    assert "Authorization" not in request.headers


def test_the_answer_is_asked_for_as_plain_json():
    headers = build_token_request(grant(), Secret("s")).headers
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_everything_that_makes_a_grant_is_sent_and_the_parameters_come_last():
    asked = grant(
        scope=("a", "b"),
        audience=("x", "y"),
        resource=("https://r/1", "https://r/2"),
        parameters=(("tenant", "acme & sons"),),
    )
    assert parse_qsl(build_token_request(asked, Secret("s")).body.decode()) == [
        ("grant_type", "client_credentials"),
        ("scope", "a b"),
        ("audience", "x"),
        ("audience", "y"),
        ("resource", "https://r/1"),
        ("resource", "https://r/2"),
        ("tenant", "acme & sons"),
    ]


@pytest.mark.parametrize("method", AuthMethod)
def test_no_empty_scope_is_sent(method: AuthMethod):
    assert b"scope" not in build_token_request(grant(method), Secret("s")).body


@pytest.mark.parametrize("method", AuthMethod)
def test_the_request_shows_no_secret(method: AuthMethod):
    shown = repr(build_token_request(grant(method), Secret("hunter2")))
    assert "hunter2" not in shown
    assert "aHVudGVyMg" not in shown


def test_a_server_that_does_not_decode_gets_id_and_secret_as_they_are():
    headers = build_token_request(grant(legacy_unencoded=True), Secret("p@ss+w%rd é")).headers
    pair = b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "mobile_android:p@ss+w%rd é"


@pytest.mark.parametrize(
    "method", [AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT, AuthMethod.CLIENT_ASSERTION]
)
def test_an_assertion_stands_in_the_body_with_its_type_and_the_id(method: AuthMethod):
    request = build_token_request(grant(method, assertion_type="urn:x:y"), Secret("a.b.c"))
    assert "Authorization" not in request.headers
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "client_credentials"),
        ("client_id", "mobile_android"),
        ("client_assertion_type", "urn:x:y"),
        ("client_assertion", "a.b.c"),
    ]


@pytest.mark.parametrize(
    "method", [AuthMethod.TLS_CLIENT_AUTH, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, AuthMethod.NONE]
)
def test_where_no_text_proves_who_we_are_the_id_stands_alone(method: AuthMethod):
    request = build_token_request(grant(method), Secret(""))
    assert "Authorization" not in request.headers
    assert request.body == b"grant_type=client_credentials&client_id=mobile_android"


def test_where_the_assertion_is_the_grant_nothing_else_proves_who_we_are():
    asked = grant(AuthMethod.NONE, grant_type=GrantType.JWT_BEARER, scope=("a",))
    request = build_token_request(asked, Secret("a.b.c"))
    assert "Authorization" not in request.headers
    assert parse_qsl(request.body.decode()) == [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "a.b.c"),
        ("scope", "a"),
    ]


# ── the owner's own fields ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Accept", "accept", "ACCEPT"])
def test_a_field_of_the_owner_replaces_ours_of_the_same_name(name: str):
    headers = build_token_request(grant(headers=((name, "*/*"), ("X-Tenant", "acme"))), Secret("s")).headers
    assert [value for key, value in headers.items() if key.lower() == "accept"] == ["*/*"]
    assert headers["X-Tenant"] == "acme"
    assert headers["Accept-Encoding"] == "identity"


@given(st.lists(st.sampled_from(["accept", "Accept-Encoding", "USER-AGENT", "X-A", "x-b"]), unique=True))
def test_no_field_goes_out_twice(names: list[str]):
    headers = build_token_request(grant(headers=tuple((name, "x") for name in names)), Secret("s")).headers
    assert len({name.lower() for name in headers}) == len(headers)
    assert all(headers[name] == "x" for name in names)
    assert "Authorization" in headers


def test_the_requests_header_is_its_own():
    """DPoP is added to it afterwards: two requests of one grant must not share it."""
    asked = grant(headers=(("X-A", "1"),))
    one, other = (build_token_request(asked, Secret("s")) for _ in range(2))
    one.headers["DPoP"] = "proof"
    assert "DPoP" not in other.headers


# ── revocation ────────────────────────────────────────────────────────────────────────────────────

TOKEN = [("token", "a.b~+/="), ("token_type_hint", "access_token")]
ID = ("client_id", "mobile_android")


@pytest.mark.parametrize(
    ("method", "proving"),
    [
        (AuthMethod.CLIENT_SECRET_BASIC, []),
        (AuthMethod.CLIENT_SECRET_POST, [ID, ("client_secret", "s")]),
        (AuthMethod.CLIENT_SECRET_JWT, [ID, ("client_assertion_type", "urn:x:y"), ("client_assertion", "s")]),
        (AuthMethod.PRIVATE_KEY_JWT, [ID, ("client_assertion_type", "urn:x:y"), ("client_assertion", "s")]),
        (AuthMethod.CLIENT_ASSERTION, [ID, ("client_assertion_type", "urn:x:y"), ("client_assertion", "s")]),
        (AuthMethod.TLS_CLIENT_AUTH, [ID]),
        (AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, [ID]),
        (AuthMethod.NONE, [ID]),
    ],
)
def test_a_revocation_proves_who_we_are_as_a_token_request_does(
    method: AuthMethod, proving: list[tuple[str, str]]
):
    asked = grant(method, assertion_type="urn:x:y", scope=("a",), parameters=(("tenant", "acme"),))
    request = build_request_about(asked, Secret("s"), Secret("a.b~+/="))
    assert parse_qsl(request.body.decode()) == TOKEN + proving
    assert ("Authorization" in request.headers) == (method is AuthMethod.CLIENT_SECRET_BASIC)
    assert request.headers == build_token_request(asked, Secret("s")).headers


def test_where_an_assertion_was_the_grant_the_token_alone_says_whose_it_is():
    asked = grant(AuthMethod.NONE, grant_type=GrantType.JWT_BEARER)
    assert parse_qsl(build_request_about(asked, Secret("a.b.c"), Secret("a.b~+/=")).body.decode()) == TOKEN


def test_a_revocation_has_the_owners_fields_too():
    asked = grant(headers=(("X-Tenant", "acme"),))
    assert build_request_about(asked, Secret("s"), Secret("t")).headers["X-Tenant"] == "acme"


@pytest.mark.parametrize("method", AuthMethod)
def test_a_revocation_shows_neither_secret_nor_token(method: AuthMethod):
    shown = repr(build_request_about(grant(method), Secret("hunter2"), Secret("hunter3")))
    assert "hunter" not in shown


def test_what_cannot_be_written_in_utf_8_is_refused():
    for build in (
        build_token_request,
        lambda asked, proof: build_request_about(asked, proof, Secret("t")),
    ):
        with pytest.raises(UnicodeEncodeError):
            build(grant(), Secret("\udcff"))
