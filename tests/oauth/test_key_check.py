"""Which keys cannot be used, each named by its place."""

from dataclasses import replace

from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import AuthMethod, ClientSettings
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings, SigningAlgorithm
from gateway.oauth.key_check import check_keys
from tests.oauth.fakes import WALL_S, client_settings
from tests.oauth.keys import pem


def unreadable() -> Secret:
    raise FileNotFoundError("/run/secrets/key")


def complaints(**clients: ClientSettings) -> tuple[str, ...]:
    return check_keys(Settings((), None, clients, ()), WALL_S)


def signing(credential: str, place: str) -> ClientSettings:
    grant = replace(
        client_settings().grant,
        method=AuthMethod.PRIVATE_KEY_JWT,
        assertion=AssertionSettings(None),
        assertion_type=JWT_BEARER,
    )
    return client_settings(grant=grant, credentials=(lambda: Secret(credential),), place=place)


def bound(key: str | None, place: str, algorithm: SigningAlgorithm | None = None) -> ClientSettings:
    grant = replace(client_settings().grant, dpop=DpopSettings(algorithm))
    reader = None if key is None else lambda: Secret(key)
    return client_settings(grant=grant, dpop_key=reader, dpop_place=place)


def test_each_client_that_cannot_sign_is_named_by_its_place():
    bad = signing("hunter2", "4:5: clients.b.private_key")
    gone = replace(bad, credentials=(unreadable,), place="5:5: clients.c.private_key")
    assert complaints(a=signing(pem("rsa"), "3:5"), b=bad, c=gone, basic=client_settings()) == (
        "4:5: clients.b.private_key: the private key is neither PEM nor a JWK",
        "5:5: clients.c.private_key: the credential cannot be read",
    )


def test_each_key_that_tokens_cannot_be_bound_to_is_named_by_its_place():
    bad = bound("hunter2", "4:5: clients.b.dpop_private_key")
    misfit = bound(pem("p256"), "6:5: clients.d.dpop_private_key", SigningAlgorithm.ES384)
    gone = replace(bad, dpop_key=unreadable, dpop_place="5:5: clients.c.dpop_private_key")
    assert complaints(a=bound(pem("p256"), "3:5"), made=bound(None, ""), b=bad, c=gone, d=misfit) == (
        "4:5: clients.b.dpop_private_key: the private key is neither PEM nor a JWK",
        "5:5: clients.c.dpop_private_key: the key cannot be read",
        "6:5: clients.d.dpop_private_key: ES384 does not fit the key, which is for ES256",
    )
