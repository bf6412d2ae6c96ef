import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.errors import GatewayError, TokenRefused
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.token_events import Reason, TokenFailed, TokenObtained, TokenRejected, TokenRequested
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.route_settings import RouteName
from gateway.observe.error_sides import sides_by_code
from gateway.observe.exposition import OWNERS_AT_ONCE
from gateway.observe.gauges import Gauges
from gateway.observe.histogram import Histogram
from gateway.observe.metrics import CONTENT_TYPE, Metrics

from .samples import token

CRM = ClientName("crm")
ROUTE = RouteName("/crm")


def made(wall_s=lambda: 1000.0, *, is_ready=True, dropped=0):
    return Metrics(Gauges("1.2.3", lambda: is_ready, lambda: dropped), wall_s)


def samples(metrics):
    """What Prometheus would read: by name and sorted label values."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def done(route, status=200, *, upstream_s=0.01, recovery=Recovery.NONE, error=""):
    route.started()
    route.done(status, 0.02, upstream_s, 10, 133, recovery, error)


def test_requests_are_counted_by_exact_status():
    metrics = made()
    for status in (200, 200, 404, 499):
        done(metrics.route(ROUTE), status)

    read = samples(metrics)

    assert {key[1]: value for key, value in read.items() if key[0] == "gateway_requests_total"} == {
        "200": 2,
        "404": 1,
        "499": 1,
    }


def test_bodies_and_durations_add_up():
    metrics = made()
    done(metrics.route(ROUTE))
    done(metrics.route(ROUTE))

    read = samples(metrics)

    assert read["gateway_request_body_bytes_total", "/crm"] == 20
    assert read["gateway_answer_body_bytes_total", "/crm"] == 266
    assert read["gateway_request_duration_seconds_count", "/crm"] == 2
    assert pytest.approx(0.04) == read["gateway_request_duration_seconds_sum", "/crm"]
    assert read["gateway_request_duration_seconds_bucket", "0.01", "/crm"] == 0
    assert read["gateway_request_duration_seconds_bucket", "0.025", "/crm"] == 2
    assert read["gateway_upstream_duration_seconds_bucket", "0.01", "/crm"] == 2


def test_a_request_without_an_exchange_has_no_upstream_duration():
    metrics = made()
    done(metrics.route(ROUTE), 404, upstream_s=None, error="no_route")

    assert samples(metrics)["gateway_upstream_duration_seconds_count", "/crm"] == 0


def test_a_request_is_in_progress_from_its_start_until_it_is_done():
    metrics = made()
    route = metrics.route(ROUTE)

    route.started()
    route.started()
    during = samples(metrics)["gateway_requests_in_progress", "/crm"]
    for status in (200, 502):
        route.done(status, 0.0, 0.0, 0, 0, Recovery.NONE, "")

    assert during == 2
    assert samples(metrics)["gateway_requests_in_progress", "/crm"] == 0


def test_a_request_that_matches_no_route_is_never_in_progress():
    metrics = made()
    metrics.route(RouteName("-")).done(404, 0.0, 0.0, 0, 0, Recovery.NONE, "no_route")

    assert samples(metrics)["gateway_requests_in_progress", "-"] == 0


def test_every_outcome_of_a_recovery_is_shown_and_counted():
    metrics = made()
    route = metrics.route(ROUTE)
    for recovery in Recovery:
        done(route, recovery=recovery)
    done(route, recovery=Recovery.HELD)

    read = samples(metrics)

    assert {outcome.value: 1 for outcome in Recovery if outcome is not Recovery.NONE} | {"held": 2} == {
        key[1]: value for key, value in read.items() if key[0] == "gateway_recoveries_total"
    }


@pytest.mark.parametrize(
    ("code", "side"),
    [
        ("no_route", "caller"),
        ("token_refused", "authorization_server"),
        ("upstream_timeout", "upstream"),
        ("internal_error", "gateway"),
    ],
)
def test_our_own_answers_are_counted_by_type_and_side(code, side):
    metrics = made()
    done(metrics.route(ROUTE), 500, error=code)

    assert samples(metrics)["gateway_errors_total", "/crm", side, code] == 1


def test_retried_connections_are_counted():
    metrics = made()
    metrics.route(ROUTE).connection_retried()

    assert samples(metrics)["gateway_connection_retries_total", "/crm"] == 1


def test_requests_sent_again_with_a_nonce_are_counted():
    metrics = made()
    metrics.route(ROUTE).nonce_retried()

    assert samples(metrics)["gateway_dpop_nonce_retries_total", "/crm"] == 1


def test_a_route_keeps_its_counters():
    metrics = made()

    assert metrics.route(ROUTE) is metrics.route(ROUTE)
    assert metrics.route(ROUTE) is not metrics.route(RouteName("/other"))


def test_routes_are_counted_apart():
    metrics = made()
    done(metrics.route(ROUTE))
    metrics.route(RouteName("/other"))

    read = samples(metrics)

    assert read["gateway_request_duration_seconds_count", "/crm"] == 1
    assert read["gateway_request_body_bytes_total", "/other"] == 0


def test_a_route_without_a_request_has_its_counters_at_zero_and_no_histograms():
    metrics = made()
    metrics.route(ROUTE)

    mine = {key[0]: value for key, value in samples(metrics).items() if "/crm" in key}

    assert set(mine.values()) == {0}
    assert "gateway_recoveries_total" in mine
    assert [name for name in mine if "_duration_" in name] == []


def test_no_piece_holds_more_than_a_few_routes_or_clients_and_all_are_one_text():
    """The loop makes one piece at a stretch, however many routes there are and whatever happened on them."""
    metrics = made()
    codes = sides_by_code()
    for number in range(1000):
        route = metrics.route(RouteName(f"/{number}"))
        for status, code in enumerate(codes, 500):
            done(route, status, error=code)
        metrics.tokens.told(TokenObtained(ClientName(f"{number}"), token(1), 300.0, 0.1))
    pieces = list(metrics.pieces())
    families = list(text_string_to_metric_families(b"".join(pieces).decode()))

    most = max(len(Histogram().counts) + 2, len(codes)) * OWNERS_AT_ONCE
    assert max(piece.count(b"\n") for piece in pieces) <= most + 12
    names = [family.name for family in families]
    assert sorted(names) == sorted(set(names))
    counted = {family.name: len({str(sample.labels) for sample in family.samples}) for family in families}
    assert counted["gateway_requests_in_progress"] == counted["gateway_token_rejected"] == 1000


def test_what_changes_between_two_pieces_breaks_no_scrape():
    metrics = made()
    for number in range(100):
        done(metrics.route(RouteName(f"/{number}")))
    pieces = []
    for number, piece in enumerate(metrics.pieces()):
        pieces.append(piece)
        done(metrics.route(RouteName(f"/{number}")), 404)
        metrics.tokens.told(TokenRequested(ClientName(f"{number}"), Reason.FIRST))

    assert list(text_string_to_metric_families(b"".join(pieces).decode()))


def test_a_clients_series_exist_from_the_start_at_zero():
    metrics = made()
    metrics.tokens.client(CRM)

    read = samples(metrics)

    assert {reason.value: 0 for reason in Reason} == {
        key[2]: value for key, value in read.items() if key[0] == "gateway_token_requests_total"
    }
    assert read["gateway_token_request_failures_total", "crm", "token_refused"] == 0
    assert read["gateway_token_rejected_total", "crm"] == 0
    assert ("gateway_token_expiry_timestamp_seconds", "crm") not in read


def test_the_events_of_a_token_are_counted():
    metrics = made()
    tokens = metrics.tokens
    tokens.told(TokenRequested(CRM, Reason.FIRST))
    tokens.told(TokenFailed(CRM, TokenRefused(), 10.0))
    tokens.told(TokenRequested(CRM, Reason.FIRST))
    tokens.told(TokenObtained(CRM, token(1), 300.0, 0.25))

    read = samples(metrics)

    assert read["gateway_token_requests_total", "crm", "first"] == 2
    assert read["gateway_token_request_failures_total", "crm", "token_refused"] == 1
    assert read["gateway_token_request_duration_seconds_count", "crm"] == 1
    assert read["gateway_token_request_duration_seconds_sum", "crm"] == 0.25


def test_a_tokens_life_counts_from_its_request():
    metrics = made(lambda: 1000.0)
    metrics.tokens.told(TokenObtained(CRM, token(1), 300.0, 2.0))

    read = samples(metrics)

    assert read["gateway_token_requested_timestamp_seconds", "crm"] == 998.0
    assert read["gateway_token_expiry_timestamp_seconds", "crm"] == 1298.0


def test_a_rejected_token_is_counted_and_keeps_its_expiry():
    """It is suspect: other requests may go on with it."""
    metrics = made(lambda: 1000.0)
    metrics.tokens.told(TokenObtained(CRM, token(2), 300.0, 0.0))
    metrics.tokens.told(TokenRejected(CRM, token(2)))

    read = samples(metrics)

    assert read["gateway_token_expiry_timestamp_seconds", "crm"] == 1300.0
    assert read["gateway_token_rejected_total", "crm"] == 1


def test_gauges_are_asked_at_the_scrape():
    is_ready = [False]
    metrics = Metrics(Gauges("1.2.3", lambda: is_ready[0], lambda: 7), lambda: 0.0)

    before = samples(metrics)["gateway_ready",]
    is_ready[0] = True

    assert before == 0
    assert samples(metrics)["gateway_ready",] == 1
    assert samples(metrics)["gateway_access_log_dropped_total",] == 7
    assert samples(metrics)["gateway_build_info", "1.2.3"] == 1


def test_the_process_tells_of_itself():
    read = samples(made())

    assert read["process_resident_memory_bytes",] > 0
    assert read["process_open_fds",] > 0
    assert read["process_start_time_seconds",] > 0
    assert ("process_cpu_seconds_total",) in read


def test_two_gateways_in_one_process_count_apart():
    one, other = made(), made()
    done(one.route(ROUTE))
    done(other.route(ROUTE), 404)

    assert ("gateway_requests_total", "404", "/crm") not in samples(one)
    assert ("gateway_requests_total", "200", "/crm") not in samples(other)


def test_no_label_but_the_known_ones_exists():
    metrics = made()
    done(metrics.route(ROUTE), 500, recovery=Recovery.HELD, error="internal_error")
    metrics.tokens.told(TokenObtained(CRM, token(1), 300.0, 0.0))

    labels = {
        label
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        for label in sample.labels
    }

    assert {"route", "code", "le", "outcome", "type", "side", "client", "reason", "version", "name"} == labels


def test_the_prometheus_library_is_not_loaded_before_the_first_scrape():
    code = (
        "import sys; from gateway.observe.gauges import Gauges; from gateway.observe.metrics import Metrics;"
        "m = Metrics(Gauges('1', lambda: True, lambda: 0), lambda: 0.0); before = 'prometheus_client' in sys.modules;"
        "m.render(); print(before, 'prometheus_client' in sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "False True\n"


def test_the_content_type_is_that_of_the_text_format():
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_every_error_with_a_code_has_a_side():
    def below(error):
        return {error}.union(*(below(child) for child in error.__subclasses__()))

    expected = {error.code: error.side.name.lower() for error in below(GatewayError) if "code" in vars(error)}

    assert expected == sides_by_code()
    assert "no_route" in expected
