"""What else `gateway token` tries with a secret that was refused."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.diagnosis.alternatives import alternatives
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, Grant, GrantType
from gateway.core.settings.signing_settings import AssertionSettings
from tests.core.samples import GRANT

ASKED = "https://login.test/token"
ISSUER = "https://login.test"
PLAIN, ODD = Secret("abc-._~09"), Secret("a+b c")


def settings_of(grant: Grant, secret: Secret = PLAIN) -> list[str]:
    return [each.setting for each in alternatives(grant, secret, ASKED)]


def with_method(method: AuthMethod, **members: object) -> Grant:
    return replace(GRANT, method=method, **members)


def signing(audience: str | None, issuer: str | None = ISSUER, **members: object) -> Grant:
    return with_method(
        AuthMethod.PRIVATE_KEY_JWT, assertion=AssertionSettings(audience), issuer=issuer, **members
    )


@pytest.mark.parametrize(
    ("secret", "client_id", "is_unencoded", "expected"),
    [
        (PLAIN, "id", False, ["token_endpoint_auth_method: client_secret_post"]),
        (ODD, "id", False, ["legacy_unencoded: true", "token_endpoint_auth_method: client_secret_post"]),
        (PLAIN, "i d", False, ["legacy_unencoded: true", "token_endpoint_auth_method: client_secret_post"]),
        (ODD, "id", True, ["legacy_unencoded: false", "token_endpoint_auth_method: client_secret_post"]),
        (ODD, "i:d", False, ["token_endpoint_auth_method: client_secret_post"]),
        (
            Secret("é"),
            "id",
            False,
            ["legacy_unencoded: true", "token_endpoint_auth_method: client_secret_post"],
        ),
    ],
)
def test_what_basic_encodes_is_tried_without_and_then_in_the_body(
    secret: Secret, client_id: str, is_unencoded: bool, expected: list[str]
):
    grant = replace(GRANT, client_id=client_id, legacy_unencoded=is_unencoded)
    assert settings_of(grant, secret) == expected


def test_what_stood_in_the_body_is_tried_in_the_header():
    assert settings_of(with_method(AuthMethod.CLIENT_SECRET_POST)) == [
        "token_endpoint_auth_method: client_secret_basic"
    ]


@pytest.mark.parametrize(
    "method",
    [
        AuthMethod.CLIENT_ASSERTION,
        AuthMethod.TLS_CLIENT_AUTH,
        AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
        AuthMethod.NONE,
    ],
)
def test_there_is_no_other_way_to_say_the_rest(method: AuthMethod):
    assert settings_of(with_method(method)) == []


@pytest.mark.parametrize(
    ("audience", "issuer", "expected"),
    [
        (None, ISSUER, ["assertion_audience: issuer"]),
        (ASKED, ISSUER, ["assertion_audience: issuer"]),
        (ISSUER, ISSUER, ["assertion_audience: token_endpoint"]),
        ("other", ISSUER, ["assertion_audience: token_endpoint", "assertion_audience: issuer"]),
        ("other", None, ["assertion_audience: token_endpoint"]),
        (None, None, []),
        (None, ASKED, []),
    ],
)
def test_an_assertion_is_tried_for_the_other_names_of_the_server(
    audience: str | None, issuer: str | None, expected: list[str]
):
    assert settings_of(signing(audience, issuer)) == expected
    assert settings_of(signing(audience, issuer, grant_type=GrantType.JWT_BEARER)) == expected


def test_what_is_tried_is_what_the_setting_says():
    [unencoded, post] = alternatives(GRANT, ODD, ASKED)
    assert unencoded.grant == replace(GRANT, legacy_unencoded=True)
    assert post.grant == replace(GRANT, method=AuthMethod.CLIENT_SECRET_POST)
    [issuer] = alternatives(signing(None), PLAIN, ASKED)
    assert issuer.grant == signing(ISSUER)


def test_a_key_that_means_nothing_with_the_other_method_is_left_out():
    unencoded = replace(GRANT, legacy_unencoded=True)
    assert [each.grant.legacy_unencoded for each in alternatives(unencoded, PLAIN, ASKED)] == [False]


@given(st.sampled_from(AuthMethod), st.text(max_size=5), st.booleans(), st.booleans())
def test_the_same_secret_goes_to_the_same_place_in_another_way(method, secret, is_unencoded, is_signing):
    assertion = AssertionSettings("other") if is_signing else None
    grant = with_method(method, legacy_unencoded=is_unencoded, assertion=assertion)
    tried = [each.grant for each in alternatives(grant, Secret(secret), ASKED)]
    assert len({*tried, grant}) == len(tried) + 1
    kept = [member.name for member in fields(Grant)]
    for name in ("method", "legacy_unencoded", "assertion"):
        kept.remove(name)
    assert all(getattr(each, name) == getattr(grant, name) for each in tried for name in kept)


def test_what_may_be_tried_shows_no_secret():
    assert ODD.reveal() not in repr(alternatives(GRANT, ODD, ASKED))
