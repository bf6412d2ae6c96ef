"""The alert rules of docs/observability.md against what is rendered: those that must fire do."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from gateway.core.oauth.source_state import TokenState
from gateway.core.settings.client_settings import ClientName
from gateway.observe.gauges import Gauges
from gateway.observe.metrics import Metrics

from .samples import FAILING, HEALTHY

DOCS = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
RULES = {
    rule["alert"]: rule
    for rule in YAML(typ="safe").load(re.search(r"```yaml\n(groups:.*?)```", DOCS, re.DOTALL)[1])["groups"][
        0
    ]["rules"]
}
SELECTOR = re.compile(r"(gateway_\w+)(?:\{([^}]*)\})?")
SUSPECT = replace(FAILING, token=TokenState("ab12cd34", 1, 1.0, 299.0, (), is_suspect=True))


def rendered(*sources):
    metrics = Metrics(
        Gauges("1", lambda: True, lambda: 0, sources=lambda: {ClientName("crm"): sources}), lambda: 0.0
    )
    return [
        sample
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    ]


def selected(samples, selector):
    """The samples that a selector of PromQL takes; only matchers that the rules use."""
    name, matchers = SELECTOR.fullmatch(selector).groups()
    wanted = re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers or "")
    is_met = {
        "=": str.__eq__,
        "!=": str.__ne__,
        "=~": lambda value, pattern: bool(re.fullmatch(pattern, value)),
    }
    return [
        sample
        for sample in samples
        if sample.name == name
        and all(is_met[how](sample.labels.get(label, ""), value) for label, how, value in wanted)
    ]


def without_token(samples):
    """Evaluate `GatewayWithoutToken`: `A == 1 and on (instance, client) sum by (instance, client) (B) > 0`."""
    expression = " ".join(RULES["GatewayWithoutToken"]["expr"].split())
    parts = re.fullmatch(
        r"(\S+) == 1 and on \(instance, client\) sum by \(instance, client\) \((.+)\) > 0", expression
    )
    sums = {}
    for sample in selected(samples, parts[2]):
        sums[sample.labels["client"]] = sums.get(sample.labels["client"], 0) + sample.value
    return [
        sample.labels
        for sample in selected(samples, parts[1])
        if sample.value == 1 and sums.get(sample.labels["client"], 0) > 0
    ]


@pytest.mark.parametrize(
    ("sources", "fires"),
    [
        ([HEALTHY], False),
        ([FAILING], True),
        ([SUSPECT], True),
        ([HEALTHY, FAILING], True),
        ([replace(HEALTHY, token=None)], False),  # nobody uses it
        ([replace(FAILING, token=HEALTHY.token)], False),  # an early refresh failed, the token lives
    ],
)
def test_a_loss_of_tokens_is_an_alert(sources, fires):
    fired = without_token(rendered(*sources))
    assert bool(fired) == fires
    for labels in fired:
        assert labels == {
            "client": "crm",
            "side": "authorization_server",
            "type": "token_unavailable",
            "cause": "unknown_authority",
            "key": "clients.crm.tls.ca",
        }


def test_every_label_that_an_alert_speaks_of_is_there():
    labels = {"instance", *(label for sample in rendered(FAILING) for label in sample.labels)}
    for rule in RULES.values():
        assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= labels | {
            "route",
            "reason",
            "name",
            "outcome",
        }


def test_the_secret_in_use_is_one_of_all():
    samples = selected(rendered(HEALTHY), "gateway_client_secret_in_use")
    assert [(each.labels["secret"], each.labels["source"], each.value) for each in samples] == [
        ("1", "file:/run/crm-new", 0.0),
        ("2", "file:/run/crm", 1.0),
    ]
