"""docs/observability.md, compared with what is implemented."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.pages import PAGES
from gateway.core.access.key_set_state import KeySetState
from gateway.core.errors import TokenRefused
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.token_events import Reason, TokenFailed, TokenObtained, TokenRequested
from gateway.core.settings.all_settings import LogFormat
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.observe.access_log import AccessLog
from gateway.observe.gauges import Connections, Gauges
from gateway.observe.metrics import Metrics

from .samples import FAILING, RECORD, token, troubled

DOCS = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()


def section(title):
    return DOCS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text):
    """The cells of each table row that begins with a name in backquotes."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in lines]


@pytest.fixture(scope="module")
def families():
    metrics = Metrics(
        Gauges(
            "1",
            lambda: True,
            lambda: 0,
            connections=lambda: Connections(1, 2, {"connections": 3}),
            sources=lambda: {ClientName("crm"): [FAILING]},
            routes=lambda: {RouteName("/crm"): troubled()},
            file_troubles=lambda: ["clients.crm.client_secret"],
            tunnels=lambda: {RouteName("/crm"): 1},
            queues=lambda: {GroupName("orders"): 1},
            groups=lambda: {GroupName("orders"): {"up": 1}},
            key_sets=lambda: {"staff": KeySetState(("k1",), 1.0, 1, 0, "")},
        ),
        lambda: 0.0,
    )
    metrics.route(RouteName("/crm")).done(500, 0.1, 0.1, 0, 0, Recovery.HELD, "internal_error")
    metrics.route(RouteName("/crm")).done(500, 0.1, 0.1, 0, 0, Recovery.NONE, "")
    metrics.route(RouteName("/crm")).tunnel_ended("caller", 1.0)
    metrics.route(RouteName("/crm")).accessed("staff", "admitted")
    metrics.group(GroupName("orders")).retried("reset", "answered")
    metrics.group(GroupName("orders")).ejected("reset")
    metrics.group(GroupName("orders")).checked("alive")
    metrics.group(GroupName("orders")).waits.observe(0.1)
    metrics.resolutions.expect(["api.example.com"])
    metrics.tokens.told(TokenRequested(ClientName("crm"), Reason.FIRST))
    metrics.tokens.told(TokenFailed(ClientName("crm"), TokenRefused(), 1.0))
    metrics.tokens.told(TokenObtained(ClientName("crm"), token(1), 300.0, 0.1))
    return list(text_string_to_metric_families(metrics.render().decode()))


def exported(family):
    """Name, type and labels, as a row of the documentation has them."""
    name = family.name + ("_total" if family.type == "counter" else "")
    return name, family.type, frozenset(family.samples[0].labels) - {"le"}


def test_every_metric_is_documented_with_its_type_and_labels(families):
    documented = {
        (row[0], row[1], frozenset(filter(None, row[2].split(", "))))
        for row in rows(section("Metrics"))
        if len(row) == 4
    }

    assert {exported(family) for family in families} == documented


def test_alert_rules_and_advice_name_existing_metrics_only(families):
    names = {exported(family)[0] for family in families}

    assert set() == set(re.findall(r"\bgateway_[a-z_]+\b", DOCS)) - names


def test_every_outcome_of_a_recovery_is_documented():
    documented = {row[0] for row in rows(section("Metrics")) if len(row) == 2}

    assert {outcome.value for outcome in Recovery if outcome is not Recovery.NONE} == documented


def test_every_field_of_the_access_log_is_documented_in_its_order(tmp_path):
    log = AccessLog(str(tmp_path / "log"), LogFormat.JSON, lambda _delay_s, _callback: None)
    log.request_done(RECORD)
    log.writer.close()
    fields = re.findall(r'"(\w+)":', (tmp_path / "log").read_text())

    assert fields == [row[0] for row in rows(section("The access log"))]


def test_every_admin_page_is_documented():
    assert list(PAGES) == [row[0] for row in rows(section("The admin listener"))]
