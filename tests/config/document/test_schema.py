from __future__ import annotations

import json
from dataclasses import fields
from itertools import product
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway.config import json_schema
from gateway.config.document.validation import DEFAULT_ADMIN, DEFAULT_LISTENERS
from gateway.config.template import read_template
from gateway.config.values import hosts, names, urls
from gateway.config.values.key_types import JwtType
from gateway.config.values.patterns import REFERENCES as WITH_REFERENCES
from gateway.config.values.units import DURATION_PATTERN, SIZE_PATTERN, duration_s, size_bytes
from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.settings import identity_jwt
from gateway.core.settings.access_settings import ApiKeyWay, CorsSettings, IntrospectionWay
from gateway.core.settings.all_settings import Limits, LogSettings, ReloadTrigger
from gateway.core.settings.balance_settings import EJECT, QUEUE, RETRY, WARM, CheckSettings
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, GrantType, Reach, TlsVersion
from gateway.core.settings.rewrite_settings import USUAL_REWRITES
from gateway.core.settings.route_settings import CallerAuthorization, Timeouts, TunnelSettings
from gateway.core.settings.shape_settings import RequestShape
from gateway.core.settings.signing_settings import LIFETIME_S
from gateway.core.settings.upstream_settings import AddressSettings, GroupSettings, UpstreamSettings
from gateway.core.settings.whereabouts import LifeUnit
from gateway.core.text.secret_shape import is_unfilled
from tests.config.document.schema_reader import complaints, paths
from tests.config.documents import CRM, ROUTE, load_text, problems_of

SCHEMA = json_schema()


def choices_of(shape, root):
    if "$ref" in shape:
        yield from choices_of(root["$defs"][shape["$ref"].rpartition("/")[2]], root)
    for choice in shape.get("anyOf", [] if "$ref" in shape else [shape]):
        yield from [choice] if choice is shape else choices_of(choice, root)


def is_number_or_flag(choice):
    pattern = choice.get("pattern", "")
    has_unit = DURATION_PATTERN in pattern or SIZE_PATTERN in pattern
    return has_unit or choice.get("type") in {"integer", "number", "boolean"}


def is_text(choice):
    is_free = choice.get("type") == "string" and choice.get("pattern") != WITH_REFERENCES
    return is_free and not is_number_or_flag(choice)


ROUTES = {"routes": [{"path": "/", "upstream": "http://a"}]}
# One listener or place alone has the keys of one in a list: described once.
ALONE = ("listen.", "clients.<name>.send.", "routes[].send.")
KEYS = {path: shape for path, shape in paths(SCHEMA, SCHEMA) if not path.startswith(ALONE)}
TAKE_NO_TEXT = {
    key + ("[]" if "items" in shape else "")
    for key, shape in KEYS.items()
    for choices in [list(choices_of(shape.get("items", shape), SCHEMA))]
    if any(is_number_or_flag(choice) for choice in choices) and not any(map(is_text, choices))
}
EXAMPLE = Path(__file__).parents[3] / "gateway.yaml"


def with_route(**keys):
    return {"routes": [{"path": "/", "upstream": "http://a"} | keys]}


def with_client(**keys):
    return ROUTES | {"clients": {"a": {"client_id": "me", "client_secret": "s"} | keys}}


@pytest.mark.parametrize("key", sorted(TAKE_NO_TEXT))
def test_no_editor_underlines_a_reference_in_a_number_or_a_flag(key):
    """If this fails for a new key: use `Flag`, `whole_number`, `Duration` or `Size` of `key_types`."""
    shape = KEYS[key.removesuffix("[]")]
    for text in ("${env:N}", "${env:N:-4}", "1${file:/n}"):
        assert list(complaints(shape.get("items", shape), text, SCHEMA)) == []
    assert list(complaints(shape.get("items", shape), "many", SCHEMA))


def test_there_are_keys_of_numbers_and_flags():
    assert {"grace", "limits.headers", "routes[].strip_prefix", "routes[].recover_on[]"} <= TAKE_NO_TEXT
    assert "clients.<name>.assertion_claims" not in TAKE_NO_TEXT


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
        "callers.<name>.jwt.token_type": JwtType.ACCESS_TOKEN.value,
        "callers.<name>.jwt.timeout": _default(Reach, "timeout_s"),
        "callers.<name>.jwt.allow_insecure": False,
        "callers.<name>.introspection.cache": _default(IntrospectionWay, "cache_s"),
        "callers.<name>.api_key.header": _default(ApiKeyWay, "header"),
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
        "clients.<name>.required": _default(ClientSettings, "is_required"),
        "clients.<name>.revoke": False,
        "clients.<name>.request.method": RequestShape().method.value,
        "clients.<name>.request.format": RequestShape().format.value,
        "clients.<name>.answer.token.body": False,
        "clients.<name>.answer.lifetime.body": False,
        "clients.<name>.answer.lifetime.unit": LifeUnit.SECONDS.value,
        "clients.<name>.answer.type.body": False,
        "clients.<name>.answer.scope.body": False,
        "clients.<name>.answer.take.<name>.body": False,
        "clients.<name>.login.steps[].take.<name>.body": False,
        "clients.<name>.login.lifetime.body": False,
        "clients.<name>.login.lifetime.unit": LifeUnit.SECONDS.value,
        "clients.<name>.login.rolling": False,
        "upstreams.<name>.addresses[].weight": _default(AddressSettings, "weight"),
        "upstreams.<name>.addresses[].backup": _default(AddressSettings, "is_backup"),
        "upstreams.<name>.resolve": _default(GroupSettings, "resolve_s"),
        "upstreams.<name>.balance": WARM.kind.value,
        "upstreams.<name>.eject.after": EJECT.after,
        "upstreams.<name>.eject.for": EJECT.for_s,
        "upstreams.<name>.eject.at_most": f"{EJECT.at_most:.0%}",
        "upstreams.<name>.check.every": _default(CheckSettings, "every_s"),
        "upstreams.<name>.check.timeout": _default(CheckSettings, "timeout_s"),
        "upstreams.<name>.check.fall": _default(CheckSettings, "fall"),
        "upstreams.<name>.check.rise": _default(CheckSettings, "rise"),
        "upstreams.<name>.queue.length": QUEUE.length,
        "upstreams.<name>.queue.timeout": QUEUE.timeout_s,
        "upstreams.<name>.retry.tries": RETRY.tries,
        "upstreams.<name>.retry.budget": f"{RETRY.budget:.0%}",
        "upstreams.<name>.tls.min_version": TlsVersion.TLS_1_2.value,
        "upstreams.<name>.tls.require_close_notify": _default(UpstreamSettings, "needs_close_notify"),
        "routes[].tls.min_version": TlsVersion.TLS_1_2.value,
        "routes[].tls.require_close_notify": _default(UpstreamSettings, "needs_close_notify"),
        "clients.<name>.allow_insecure": False,
        "routes[].allow_insecure": False,
        "routes[].strip_prefix": False,
        "routes[].preserve_host": False,
        "routes[].allow_foreign_pages": False,
        "routes[].authorization": CallerAuthorization.REPLACE.value,
        "clients.<name>.send[].part": MAIN_PART,
        "routes[].send[].part": MAIN_PART,
        "routes[].websocket": True,
        "routes[].tunnel.idle": _default(TunnelSettings, "idle_s"),
        "routes[].tunnel.half_close": _default(TunnelSettings, "half_close_s"),
        "routes[].tunnel.close_timeout": _default(TunnelSettings, "close_timeout_s"),
        "limits.tunnels": limits.tunnels,
        "limits.tunnels_per_caller": limits.tunnels_per_caller,
        "routes[].client.default": "none",
        "routes[].cors.credentials": False,
        "routes[].cors.max_age": _default(CorsSettings, "max_age_s"),
        "routes[].recover_on": [401],
        "routes[].rewrite.location": USUAL_REWRITES.location,
        "routes[].rewrite.cookie_path": USUAL_REWRITES.cookie_path,
        "routes[].rewrite.cookie_domain": False,
        "routes[].timeouts.connect": timeouts.connect_s,
        "routes[].timeouts.response": timeouts.response_s,
        "routes[].timeouts.idle": timeouts.idle_s,
        "listen[].tls.client_certificate": "optional",
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
        "reload": ReloadTrigger.SIGNAL.value,
        "workers": 1,
        "identity_jwt.lifetime": identity_jwt.LIFETIME_S,
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
        {"routes": [{"path": "/", "upstream": "http://a", "recover_on": [600]}]},
        {"routes": [{"path": "/", "upstream": "http://a"}], "limits": {"headers": 0}},
        {"routes": [{"path": "/", "upstream": "http://a"}], "clients": {"a": {}}},
        {"routes": [{"path": "/", "upstream": "http://a", "tls": {"certificate": "a"}}]},
        *(
            with_route(upstream=text)
            for text in ("api.example.com", "localhost:9500", "ftp://a", "http://", "$URL")
        ),
        *(
            with_route(upstream=text)
            for text in ("http://a?b", "http://me@a", "${URL}", "${env:A-B}", "unix:run")
        ),
        *(with_route(path=text) for text in ("crm", "/crm?a", "${env}", "/a b")),
        *(with_route(host=text) for text in ("*", "http://a", "a:80", "a b")),
        *(with_route(methods=text) for text in (["get"], ["TRACE"], "GET")),
        *(
            with_route(client=text)
            for text in ("$CLIENT", "{{ client }}", "%CLIENT%", "${file:~/a}", "a ${b}")
        ),
        *(with_route(resource=text) for text in ("api", ["https://a", "b"])),
        *(with_client(token_endpoint=text) for text in ("login.example.com/t", "https://a#b", "https:/a")),
        *(with_client(issuer=text) for text in ("login.example.com", "https://a?b")),
        with_client(token_endpoint="https://a/t", client_secret="$SECRET"),
        with_client(token_endpoint="https://a/t", client_secret=["a", "${SECRET}"]),
        with_client(token_endpoint="https://a/t", proxy="proxy.example:3128"),
        with_client(),
        *(
            ROUTES | {"listen": text}
            for text in (8080, "8080", ":8080", "localhost", "http://a:80", "/run/a.sock")
        ),
        *(ROUTES | {"admin": text} for text in (8079, "on", "localhost", "*:80")),
        ROUTES | {"trusted_proxies": ["proxy.example.com"]},
        ROUTES | {"log": {"access": "access.log"}},
    ],
)
def test_what_the_gateway_refuses_an_editor_underlines(document):
    assert list(complaints(SCHEMA, document, SCHEMA))
    assert problems_of(json.dumps(document))


HOSTS = ("a", "A-b_c", "a.example", "127.0.0.1", "[::1]", "[2001:db8::1]", "*", "*.", ":80", ":0", "@", " ")
URLS = (
    "https://",
    "HTTP://",
    "unix:",
    *HOSTS,
    "/",
    "/a",
    "?b",
    "#c",
    "%41",
    "$",
    "$${",
    "\\",
    "\u00e9",
    "~;,!'()",
)
ANYTHING = (
    *URLS,
    "$A",
    "$ABC",
    "{{",
    "}}",
    "\n",
    "GET",
    "m-search",
    "urn:",
    "off",
    "stdout",
    "10.0.0.0/8",
    "30",
    ".5",
    "s",
    "MiB",
)
READERS = {
    "listen": (hosts.listening_address, (*HOSTS, "unix:/run/a b.sock", ":65535", "off")),
    "admin": (hosts.admin_address, (*HOSTS, "unix:/a", "off")),
    "trusted_proxies[]": (
        hosts.trusted_proxy,
        ("unix", "10.0.0.0", "/8", "/255.0.0.0", "::", "2001:db8::", "/32", "1", "::ffff:"),
    ),
    "listen[].mode": (hosts.socket_mode, ("0", "6", "7", "8", "60", "06", "0o", "rw", "-")),
    "routes[].host": (hosts.host_pattern, HOSTS),
    "routes[].tls.server_name": (hosts.host_name, HOSTS),
    "routes[].path": (urls.path_prefix, URLS),
    "routes[].upstream": (urls.upstream, URLS),
    "clients.<name>.token_endpoint": (urls.endpoint, URLS),
    "clients.<name>.issuer": (urls.issuer, URLS),
    "clients.<name>.proxy": (urls.proxy, ("http://", "me:pw@", *HOSTS, "/")),
    "clients.<name>.client_id": (names.text, ANYTHING),
    "clients.<name>.resource": (urls.resource, (*URLS, "urn:", "a+b:")),
    "routes[].methods[]": (names.method, ("GET", "PATCH", "-", "1", "CONNECT", "TRACE", "x", "!#", "$", "~")),
    "routes[].max_body": (size_bytes, ("1", "64", "KiB", "MiB", "B", ".", " ")),
    "routes[].timeout": (duration_s, ("1", "30", ".5", "ms", "s", "m", "h", " ")),
    "log.access": (names.access_log, ("stdout", "stderr", "off", "/", "a b", "\u00e9")),
}


def texts(pieces):
    """Every text of one to three pieces."""
    return ("".join(some) for count in (1, 2, 3) for some in product(pieces, repeat=count))


def is_taken(reader, text):
    try:
        reader(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("key", sorted(READERS))
def test_no_editor_underlines_what_is_read(key):
    reader, pieces = READERS[key]
    shape = KEYS[key.removesuffix("[]")]
    if key.endswith("[]"):
        shape = shape["items"]
    plain = (text for text in texts(pieces) if "${" not in text.replace("$${", "") and not is_unfilled(text))
    taken = [text for text in plain if is_taken(reader, text)]
    assert len(taken) > 5
    assert [text for text in taken if list(complaints(shape, text, SCHEMA))] == []


REFERENCES = (
    "${env:SECRET}",
    "${env:SECRET:-a:-$b c}",
    "${env:_a1}",
    "${file:a/b c}",
    "${file:/run/x}",
    "$${",
    "$",
    "a",
    "/",
    ":",
    "\n",
)


@pytest.mark.parametrize(
    "key",
    ["listen", "routes[].upstream", "clients.<name>.client_id", "routes[].timeout", "routes[].max_body"],
)
def test_no_editor_underlines_a_reference_that_is_read(key):
    taken = [
        text for text in texts(REFERENCES) if is_taken(read_template, text) and read_template(text).references
    ]
    assert len(taken) > 100
    assert [text for text in taken if list(complaints(KEYS[key], text, SCHEMA))] == []
