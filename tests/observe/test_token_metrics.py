"""What is counted of a client's secrets, scopes and revocations."""

from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    ScopeReduced,
    TokenRevoked,
)
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientName

from .test_metrics import made, samples

CRM, ERP = ClientName("crm"), ClientName("erp")
FAILED = Failed(FailureKind.SLOW, "it failed")


def test_what_never_happened_stands_at_zero_from_the_start():
    metrics = made()
    metrics.tokens.client(CRM)

    read = samples(metrics)

    assert read["gateway_client_secret_switches_total", "crm"] == 0
    assert read["gateway_token_scope_reductions_total", "crm"] == 0
    assert read["gateway_token_revocations_total", "crm", "revoked"] == 0
    assert read["gateway_token_revocations_total", "crm", "failed"] == 0


def test_switches_reductions_and_revocations_are_counted_by_client():
    metrics = made()
    tokens = metrics.tokens
    for client in (CRM, CRM, ERP):
        tokens.told(CredentialSwitched(client, SecretName(2, 2, "env:A")))
        tokens.told(ScopeReduced(client, ("a",)))
    tokens.told(TokenRevoked(CRM, "00000001", None))
    for _ in range(2):
        tokens.told(TokenRevoked(CRM, "00000002", FAILED))

    read = samples(metrics)

    assert read["gateway_client_secret_switches_total", "crm"] == 2
    assert read["gateway_client_secret_switches_total", "erp"] == 1
    assert read["gateway_token_scope_reductions_total", "crm"] == 2
    assert read["gateway_token_revocations_total", "crm", "revoked"] == 1
    assert read["gateway_token_revocations_total", "crm", "failed"] == 2
    assert read["gateway_token_revocations_total", "erp", "failed"] == 0


def test_what_the_metadata_says_is_counted_nowhere():
    metrics = made()
    metrics.tokens.client(CRM)
    before = counted(metrics)

    metrics.tokens.told(MetadataObjected(CRM, ("it has none",)))
    metrics.tokens.told(MetadataKept(CRM, FAILED))
    metrics.tokens.told(CredentialKept(CRM, "it is none"))

    assert counted(metrics) == before


def counted(metrics):
    return {key: value for key, value in samples(metrics).items() if key[0].startswith("gateway_")}
