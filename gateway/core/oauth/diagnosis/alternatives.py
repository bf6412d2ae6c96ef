"""Other settings to try when a server refuses a client.

Servers differ in where they read credentials, whether they decode them, and which audience an assertion must
have; each mismatch ends in ``invalid_client``, which does not say why. No alternative reveals more than the
configured settings do: the same secret goes to the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, Grant
from gateway.core.settings.shape_settings import USUAL_REQUEST
from gateway.core.settings.signing_settings import AssertionSettings


@dataclass(frozen=True, slots=True)
class Alternative:
    """A grant that differs in one setting, and how to write that in `gateway.yaml`."""

    setting: str
    grant: Grant


def alternatives(grant: Grant, secret: Secret, asked: str) -> tuple[Alternative, ...]:
    """Return what else to try with `secret`, which was refused at the URL `asked`; the likeliest first.

    None where the owner shaped the request: there a secret might go into a URL that did not before.
    """
    if grant.request != USUAL_REQUEST:
        return ()
    if grant.assertion is not None:
        return tuple(_other_audiences(grant, grant.assertion, asked))
    match grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC:
            return tuple(_other_than_basic(grant, secret))
        case AuthMethod.CLIENT_SECRET_POST:
            return (_with_method(grant, AuthMethod.CLIENT_SECRET_BASIC),)
        case _:
            return ()


def _other_than_basic(grant: Grant, secret: Secret) -> Iterator[Alternative]:
    plain = grant.client_id + secret.reveal()
    if quote(plain, safe="") != plain and ":" not in grant.client_id:
        other = not grant.legacy_unencoded
        yield Alternative(f"legacy_unencoded: {str(other).lower()}", replace(grant, legacy_unencoded=other))
    yield _with_method(grant, AuthMethod.CLIENT_SECRET_POST)


def _with_method(grant: Grant, method: AuthMethod) -> Alternative:
    changed = replace(grant, method=method, legacy_unencoded=False)
    return Alternative(f"token_endpoint_auth_method: {method.value}", changed)


def _other_audiences(grant: Grant, assertion: AssertionSettings, asked: str) -> Iterator[Alternative]:
    for setting, audience in (("token_endpoint", asked), ("issuer", grant.issuer)):
        if audience is not None and audience != (assertion.audience or asked):
            changed = replace(grant, assertion=replace(assertion, audience=audience))
            yield Alternative(f"assertion_audience: {setting}", changed)
