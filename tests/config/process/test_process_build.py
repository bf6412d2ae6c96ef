"""What is said of listeners, trust, limits and the log reaches the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.settings.all_settings import Limits, ReloadTrigger
from gateway.core.settings.listener_settings import Address, SocketAccess
from tests.config.documents import ROUTE, load_text, problems_of


def test_listeners_admin_log_limits_and_grace_reach_the_settings():
    settings = load_text(
        """
listen:
  - "[::1]:8080"
  - unix:/run/gateway.sock
  - {address: "localhost:0", tls: {certificate: a.pem, key: b.pem}}
admin: off
trusted_proxies: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1, 10.0.0.0/8]
limits: {target: 4096, headers: 10, replay: 1B}
log: {level: debug, format: json, access: off}
grace: 1s
reload: watch
"""
        + ROUTE
    )
    assert [str(listener.address) for listener in settings.listeners] == [
        "[::1]:8080",
        "unix:/run/gateway.sock",
        "localhost:0",
    ]
    assert settings.listeners[2].tls is not None
    assert Path(settings.listeners[2].tls.key).is_absolute()
    assert settings.admin is None
    assert list(map(str, settings.trusted_proxies.networks)) == [
        "10.0.0.0/8",
        "2001:db8::/32",
        "192.0.2.1/32",
    ]
    assert settings.limits == Limits(target_bytes=4096, headers=10, replay_bytes=1)
    assert (settings.log.level, settings.log.format.value, settings.log.access) == ("debug", "json", None)
    assert settings.grace_s == 1.0
    assert settings.reload is ReloadTrigger.WATCH


@pytest.mark.parametrize(
    ("keys", "access"),
    [
        ("", SocketAccess()),
        (", mode: '660'", SocketAccess(0o660)),
        (', mode: "0222"', SocketAccess(0o222)),
        (", group: www-data", SocketAccess(0o660, "www-data")),
        (', group: "33", mode: "0777"', SocketAccess(0o777, "33")),
    ],
)
def test_a_unix_socket_has_a_mode_and_a_group(keys, access):
    one = f"{{address: 'unix:/run/a'{keys}}}"
    for listen in (one, f"[{one}]"):
        (listener,) = load_text(f"listen: {listen}\n{ROUTE}").listeners
        assert (listener.address, listener.access) == (Address(path="/run/a"), access)


@pytest.mark.parametrize("mode", ["0660", "660", "0o660", "6_60"])
@pytest.mark.parametrize("pattern", ["{}", "[{}]"])
def test_a_mode_without_quotes_is_one_problem(pattern, mode):
    told = problems_of(f"listen: {pattern.format(f'{{address: unix:/a, mode: {mode}}}')}\n{ROUTE}")
    assert len(told) == 1
    assert told[0].endswith('put it in quotes, as in mode: "0660"')


@pytest.mark.parametrize(
    ("written", "networks", "unix"),
    [
        ("[]", [], False),
        ("[unix]", [], True),
        ("[10.0.0.0/8, unix, unix, '::1']", ["10.0.0.0/8", "::1/128"], True),
    ],
)
def test_proxies_are_trusted_by_network_and_over_unix_sockets(written, networks, unix):
    trusted = load_text(f"trusted_proxies: {written}\n{ROUTE}").trusted_proxies
    assert (list(map(str, trusted.networks)), trusted.unix) == (networks, unix)
