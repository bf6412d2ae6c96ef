"""What an authorization server's metadata says against the settings of a client."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.oauth.metadata import ServerMetadata
from gateway.core.oauth.objections import UsedAlgorithms, find_objections
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    GrantType,
    TlsFiles,
)
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings, SigningAlgorithm

ISSUER = "https://as.example.com"
SILENT = ServerMetadata(ISSUER, f"{ISSUER}/token")
REVOKE = f"{ISSUER}/revoke"
CERTIFICATE = TlsFiles("certificate.pem", "key.pem")
NONE_USED = UsedAlgorithms()


def client(
    method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC,
    *,
    revokes: bool = False,
    revocation_endpoint: str | None = None,
    **grant: object,
) -> ClientSettings:
    made = Grant(ClientName("crm"), None, "mobile_android", method, issuer=ISSUER, **grant)
    return ClientSettings(
        made,
        (lambda: Secret("s"),),
        revokes=revokes,
        revocation_endpoint=revocation_endpoint,
    )


def objections(
    settings: ClientSettings, used: UsedAlgorithms = NONE_USED, **metadata: object
) -> tuple[str, ...]:
    return find_objections(replace(SILENT, **metadata), settings, used)


@pytest.mark.parametrize("method", AuthMethod)
def test_metadata_that_says_nothing_objects_to_no_method(method: AuthMethod):
    assert objections(client(method)) == ()


@pytest.mark.parametrize("method", AuthMethod)
def test_a_method_that_is_not_listed_is_objected_to_and_a_listed_one_is_not(method: AuthMethod):
    settings = client(method, assertion_type=JWT_BEARER)
    name = "private_key_jwt" if method is AuthMethod.CLIENT_ASSERTION else method.value
    assert objections(settings, auth_methods=(name,)) == ()
    assert objections(settings, auth_methods=("other", "more")) == (
        f"token_endpoint_auth_methods_supported does not list {name}: it has other, more",
    )


def test_an_assertion_of_a_kind_of_its_own_is_named_as_we_name_it():
    settings = client(AuthMethod.CLIENT_ASSERTION, assertion_type="urn:example:spiffe")
    assert objections(settings, auth_methods=("private_key_jwt",)) == (
        "token_endpoint_auth_methods_supported does not list client_assertion: it has private_key_jwt",
    )


def test_a_long_list_is_cut_and_its_number_is_told():
    """Ten kilobytes a line, for each client."""
    listed = tuple(f"{number}{'x' * 99}" for number in range(100))
    [told] = objections(client(), auth_methods=listed)
    assert told.endswith(" (and 92 more)")
    assert len(told) < 1000


def test_an_empty_list_has_nothing():
    assert objections(client(), grant_types=()) == (
        "grant_types_supported does not list client_credentials: it has nothing",
    )


@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_an_algorithm_that_is_not_listed_is_objected_to(algorithm: SigningAlgorithm):
    settings, used = client(AuthMethod.PRIVATE_KEY_JWT), UsedAlgorithms(assertion=algorithm)
    assert objections(settings, used, signing_algorithms=(algorithm.value, "x")) == ()
    assert objections(settings, used, signing_algorithms=("x",)) == (
        f"token_endpoint_auth_signing_alg_values_supported does not list {algorithm.value}: it has x",
    )


def test_of_a_key_that_cannot_be_used_no_algorithm_is_guessed():
    settings = client(AuthMethod.PRIVATE_KEY_JWT, assertion=AssertionSettings(None))
    assert objections(settings, signing_algorithms=("x",)) == ()


def test_who_signs_nothing_minds_no_algorithm():
    assert objections(client(), signing_algorithms=()) == ()


def test_where_the_assertion_is_the_grant_only_the_grant_is_compared():
    """Both lists of ``token_endpoint_auth_`` are about client authentication (RFC 8414 section 2)."""
    settings = client(
        AuthMethod.NONE,
        grant_type=GrantType.JWT_BEARER,
        assertion=AssertionSettings(None, SigningAlgorithm.ES256),
    )
    used = UsedAlgorithms(assertion=SigningAlgorithm.ES256)
    assert objections(settings, used, auth_methods=(), signing_algorithms=()) == ()
    assert objections(settings, grant_types=("client_credentials",)) == (
        f"grant_types_supported does not list {GrantType.JWT_BEARER.value}: it has client_credentials",
    )


# ── bound tokens ──────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_does_not_say_that_it_binds_is_objected_to():
    assert objections(client(dpop=DpopSettings())) == (
        "it does not say that it binds tokens by DPoP (dpop_signing_alg_values_supported is missing)",
    )


@pytest.mark.parametrize(
    "algorithm", [SigningAlgorithm.ES256, SigningAlgorithm.EDDSA, SigningAlgorithm.RS256]
)
def test_an_algorithm_of_proofs_that_is_not_listed_is_objected_to(algorithm: SigningAlgorithm):
    settings, used = client(dpop=DpopSettings()), UsedAlgorithms(dpop=algorithm)
    assert objections(settings, used, dpop_algorithms=("x", algorithm.value)) == ()
    assert objections(settings, used, dpop_algorithms=("x",)) == (
        f"dpop_signing_alg_values_supported does not list {algorithm.value}: it has x",
    )


def test_nor_is_one_of_a_key_that_tokens_cannot_be_bound_to():
    assert objections(client(dpop=DpopSettings()), dpop_algorithms=("RS256",)) == ()


# ── revocation ────────────────────────────────────────────────────────────────────────────────────

NOWHERE = "it names no revocation_endpoint, so no token is revoked"


@pytest.mark.parametrize(
    ("settings", "metadata", "expected"),
    [
        (client(), {}, ()),
        (client(revokes=True), {}, (NOWHERE,)),
        (client(revokes=True), {"revocation_endpoint": REVOKE}, ()),
        (client(revokes=True, revocation_endpoint=REVOKE), {}, ()),
        (client(revokes=True), {"aliases": {"revocation_endpoint": REVOKE}}, (NOWHERE,)),
        (client(revokes=True, certificate=CERTIFICATE), {"aliases": {"revocation_endpoint": REVOKE}}, ()),
    ],
)
def test_nowhere_to_revoke_is_objected_to(
    settings: ClientSettings, metadata: dict[str, object], expected: tuple[str, ...]
):
    assert objections(settings, **metadata) == expected


def test_all_that_does_not_fit_is_told():
    settings = client(AuthMethod.CLIENT_SECRET_POST, revokes=True, dpop=DpopSettings())
    told = objections(settings, auth_methods=("none",), grant_types=("implicit",))
    assert len(told) == 4


WORDS = st.none() | st.lists(
    st.sampled_from(["client_secret_basic", "client_credentials", "ES256", "x"])
).map(tuple)


@given(WORDS, WORDS, WORDS, WORDS, st.sampled_from(AuthMethod))
def test_each_objection_is_one_sentence_of_its_own(methods, algorithms, grants, dpop, method):
    settings = client(method, dpop=DpopSettings(), revokes=True)
    told = objections(
        settings,
        auth_methods=methods,
        signing_algorithms=algorithms,
        grant_types=grants,
        dpop_algorithms=dpop,
    )
    assert len(set(told)) == len(told)
    assert all(sentence and "\n" not in sentence for sentence in told)
