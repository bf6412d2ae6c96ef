"""Who is told of requests and tokens, from one configuration to the next."""

import asyncio
from dataclasses import replace

import pytest

from gateway.config import load
from gateway.core.settings.all_settings import LogSettings
from gateway.observe.fanout import Fanout
from gateway.observe.gauges import Gauges
from gateway.observe.metrics import Metrics
from gateway.observers import Observers, names_in, servers_of
from tests.observe.samples import RECORD

TEXT = """
listen: 127.0.0.1:0
admin: off
clients:
  one: {token_endpoint: 'https://login.example.com/t?tenant=1', client_id: a, client_secret: s}
  two: {issuer: 'https://[::1]:8443', client_id: a, client_secret: s, proxy: 'http://proxy.test:3128'}
routes:
  - {path: /a, upstream: 'https://api.example.com', client: one}
  - {path: /b, upstream: 'https://api.example.com/b', client: two}
  - {path: /c, upstream: 'http://127.0.0.1:1'}
  - {path: /d, upstream: 'unix:/run/d.sock'}
"""


def loaded(tmp_path):
    (tmp_path / "gateway.yaml").write_text(TEXT)
    return load(tmp_path / "gateway.yaml", {})


def test_names_of_upstreams_and_authorization_servers_are_counted_from_the_start(tmp_path):
    assert names_in(loaded(tmp_path)) == ["api.example.com", "login.example.com", "proxy.test"]


def test_servers_are_told_by_their_origin_or_their_issuer(tmp_path):
    servers = {"one": "https://login.example.com", "two": "https://[::1]:8443"}

    assert servers_of(loaded(tmp_path)) == servers


class Other:
    """Keeps what it is told of requests."""

    def __init__(self):
        self.records = []

    def request_done(self, record):
        self.records.append(record)

    def told(self, event):
        pass


def logging_to(path, tmp_path):
    return replace(loaded(tmp_path), log=LogSettings(access=path and str(path)))


async def made(settings, other=None):
    metrics = Metrics(Gauges("1", lambda: True, lambda: 0), lambda: 0.0)
    return Observers(settings, asyncio.get_running_loop(), metrics, other), metrics


async def test_without_a_log_or_anybody_else_nobody_is_told_of_requests(tmp_path):
    observers, _ = await made(logging_to(None, tmp_path))

    assert observers.of_requests() is None
    assert observers.dropped_records() == 0


async def test_whoever_wants_to_know_is_told_beside_the_log(tmp_path):
    other = Other()
    observers, _ = await made(logging_to(tmp_path / "log", tmp_path), other)
    told = observers.of_requests()
    told.request_done(RECORD)
    observers.access_log.writer.close()

    assert isinstance(told, Fanout)
    assert other.records == [RECORD]
    assert (tmp_path / "log").read_text().count("\n") == 1


async def test_every_client_and_name_has_its_series_from_the_start_and_after_a_change(tmp_path):
    settings = logging_to(None, tmp_path)
    observers, metrics = await made(replace(settings, clients={}, routes=()))
    before = (set(metrics.tokens.clients), "api.example.com" in metrics.resolutions.failures)
    observers.go_on(settings, None)

    assert before == (set(), False)
    assert set(metrics.tokens.clients) == {"one", "two"}
    assert "api.example.com" in metrics.resolutions.failures


async def test_a_log_is_opened_only_for_other_settings_and_closed_if_it_is_not_used(tmp_path):
    settings = logging_to(tmp_path / "log", tmp_path)
    observers, _ = await made(settings)
    ours = observers.access_log
    same = observers.access_log_for(settings)
    another = observers.access_log_for(logging_to(tmp_path / "other", tmp_path))
    for each in (same, another, None):
        observers.drop(each)
    alive = [log.writer._sink._thread.is_alive() for log in (ours, another)]
    ours.writer.close()

    assert same is ours
    assert another is not ours
    assert alive == [True, False]


async def test_a_log_that_cannot_be_opened_is_an_error(tmp_path):
    observers, _ = await made(logging_to(None, tmp_path))

    with pytest.raises(OSError, match="No such file"):
        observers.access_log_for(logging_to(tmp_path / "none" / "log", tmp_path))
