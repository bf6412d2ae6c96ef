from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway.config import json_schema
from gateway.config.reading import DEFAULT_ADMIN, DEFAULT_LISTENERS
from gateway.config.schema import keys_at, takes_text
from gateway.config.units import duration_s, size_bytes
from gateway.core.client_assertion import JWT_BEARER, LIFETIME_S
from gateway.core.client_settings import AuthMethod, ClientSettings, GrantType, Reach, TlsVersion
from gateway.core.settings import CallerAuthorization, Limits, LogSettings, Timeouts
from tests.config.documents import CRM, ROUTE, load_text
from tests.config.schema_reader import complaints, paths

SCHEMA = json_schema()
# One listener alone has the keys of one in a list: described once.
KEYS = {path: shape for path, shape in paths(SCHEMA, SCHEMA) if not path.startswith("listen.")}
EXAMPLE = Path(__file__).parents[2] / "gateway.yaml"


def test_it_is_json_and_says_which_schema_it_is():
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", sorted(KEYS))
def test_every_key_is_described(path):
    shape = KEYS[path]
    assert shape.get("description") or SCHEMA["$defs"][shape["$ref"].rpartition("/")[2]]["description"]


def test_no_mapping_takes_unknown_keys():
    for shape in SCHEMA["$defs"].values():
        if shape["type"] == "object":
            assert shape["additionalProperties"] is False


def test_null_is_never_a_value():
    assert '"null"' not in json.dumps(SCHEMA)


def _default(dataclass, name):
    return next(field.default for field in fields(dataclass) if field.name == name)


def test_the_defaults_shown_are_those_of_the_settings():
    shown = {path: shape["default"] for path, shape in KEYS.items() if "default" in shape}
    limits, timeouts, log = Limits(), Timeouts(), LogSettings()
    assert {path: _read(value) for path, value in shown.items()} == {
        "listen": str(DEFAULT_LISTENERS[0].address),
        "admin": str(DEFAULT_ADMIN),
        "clients.<name>.grant_type": GrantType.CLIENT_CREDENTIALS.value,
        "clients.<name>.token_endpoint_auth_method": AuthMethod.CLIENT_SECRET_BASIC.value,
        "clients.<name>.legacy_unencoded": False,
        "clients.<name>.assertion_audience": "token_endpoint",
        "clients.<name>.assertion_lifetime": LIFETIME_S,
        "clients.<name>.client_assertion_type": JWT_BEARER,
        "clients.<name>.default_lifetime": _default(ClientSettings, "default_lifetime_s"),
        "clients.<name>.timeout": _default(Reach, "timeout_s"),
        "clients.<name>.timeouts.connect": _default(Reach, "connect_timeout_s"),
        "clients.<name>.tls.min_version": TlsVersion.TLS_1_2.value,
        "clients.<name>.dpop_bound_access_tokens": False,
        "clients.<name>.dpop_allow_bearer": False,
        "clients.<name>.revoke": False,
        "routes[].tls.min_version": TlsVersion.TLS_1_2.value,
        "clients.<name>.allow_insecure": False,
        "routes[].allow_insecure": False,
        "routes[].strip_prefix": False,
        "routes[].preserve_host": False,
        "routes[].allow_foreign_pages": False,
        "routes[].authorization": CallerAuthorization.REPLACE.value,
        "routes[].recover_on": [401],
        "routes[].timeouts.connect": timeouts.connect_s,
        "routes[].timeouts.response": timeouts.response_s,
        "routes[].timeouts.idle": timeouts.idle_s,
        "limits.target": limits.target_bytes,
        "limits.header_bytes": limits.header_bytes,
        "limits.headers": limits.headers,
        "limits.head_timeout": limits.head_timeout_s,
        "limits.keepalive_timeout": limits.keepalive_timeout_s,
        "limits.replay": limits.replay_bytes,
        "limits.replay_total": limits.replay_total_bytes,
        "limits.connections": limits.connections,
        "limits.buffers": limits.buffers_bytes,
        "log.level": log.level,
        "log.format": log.format.value,
        "log.access": log.access,
        "grace": 30.0,
    }


def _read(value):
    """Read a default as the file would be read."""
    for reader in (duration_s, size_bytes):
        try:
            return reader(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return value


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE.read_text(),
        ROUTE,
        CRM + ROUTE,
        "listen: [127.0.0.1:80, {address: unix:/a, tls: {certificate: a, key: b}}]\nadmin: off\n" + ROUTE,
        "limits: {target: 4096, replay: '${env:SIZE}', head_timeout: 1.5s}\n" + ROUTE,
    ],
)
def test_what_the_gateway_reads_an_editor_accepts(text):
    load_text(text, {"DEMO_SECRET": "a", "PARTNER_SECRET": "b", "SECRET": "c", "SIZE": "1KiB"})
    assert list(complaints(SCHEMA, YAML(typ="safe", pure=True).load(text), SCHEMA)) == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"routes": []},
        {"routes": [{"path": "/"}]},
        {"routes": [{"path": "a", "upstream": "http://a"}]},
        {"routes": [{"path": "/", "upstream": "http://a", "timeout": 30}]},
        {"routes": [{"path": "/", "upstream": "http://a", "timeout": "30"}]},
        {"routes": [{"path": "/", "upstream": "http://a", "max_body": "64KB"}]},
        {"routes": [{"path": "/", "upstream": "http://a", "max_body": 0}]},
        {"routes": [{"path": "/", "upstream": "http://a", "access": "all"}]},
        {"routes": [{"path": "/", "upstream": "http://a", "recover_on": [500]}]},
        {"routes": [{"path": "/", "upstream": "http://a"}], "limits": {"headers": 0}},
        {"routes": [{"path": "/", "upstream": "http://a"}], "clients": {"a": {}}},
    ],
)
def test_what_the_gateway_refuses_an_editor_underlines(document):
    assert list(complaints(SCHEMA, document, SCHEMA))


def test_the_keys_of_a_place_are_those_of_its_model():
    assert keys_at(("routes", 3, "timeouts")) == ("connect", "response", "idle")
    assert keys_at(("listen", 0)) == ("address", "tls")
    assert keys_at(("clients", "tls", "tls")) == ("ca", "certificate", "key", "min_version")
    assert keys_at(("nowhere", 0)) == ()


def test_some_lists_may_be_a_text():
    assert takes_text(("clients", "crm", "scope"))
    assert takes_text(("listen",))
    assert not takes_text(("routes",))
