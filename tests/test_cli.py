"""The commands as the operator meets them: what they print, and how they exit."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
from asyncio import to_thread
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ruamel.yaml import YAML

from gateway import __version__
from gateway.cli import main
from gateway.core.secret import Secret
from gateway.demo.authorization_server import AuthorizationServerSettings, DemoAuthorizationServer
from gateway.demo.registrations import Registration
from gateway.demo.run import example_file
from gateway.demo.tokens import TokenFormat
from tests.json_schema import complaints
from tests.processes import (
    ANY_PORT,
    Finished,
    environment,
    gateway,
    gateway_beside,
    running,
    started,
    write_configuration,
)

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "gateway.yaml"
SECRET = "correct-horse-battery-staple"
ROUTE = {"path": "/", "upstream": "http://127.0.0.1:9"}
EXAMPLE_SECRETS = {"DEMO_SECRET": SECRET, "PARTNER_SECRET": SECRET}


async def gateway_here_beside(*arguments, **environ):
    """The same while servers of this process answer it."""
    return await to_thread(gateway_here, *arguments, **environ)


def gateway_here(*arguments, **environ):
    """The same command in this process, for tables: a process of its own costs a third of a second."""
    done = CliRunner(env=environ).invoke(main, arguments, prog_name="gateway", catch_exceptions=False)
    return Finished(done.exit_code, done.stdout, done.stderr)


# ── what it is ────────────────────────────────────────────────────────────────────────────────────


def test_the_version_says_what_is_loaded_and_what_runs_it(tmp_path, pytestconfig):
    kind = "compiled" if pytestconfig.getoption("compiled") else "pure Python"
    running = f"{platform.python_implementation()} {platform.python_version()}"

    assert gateway(tmp_path, "--version").out == f"gateway {__version__} ({kind}, {running})\n"


# ── a mistake in the configuration: status 2 ──────────────────────────────────────────────────────

BROKEN = """\
listen: 127.0.0.1:0
lisen: 127.0.0.1:0
log: {access: /tmp/access.log}
clients:
  crm: {token_endpoint: "http://login.example.com/t", client_id: me, client_secert: hunter2-hunter2}
routes:
  - {path: crm, upstream: "http://127.0.0.1:9", client: crn}
"""
PROBLEMS = [
    "gateway.yaml:2:1: lisen: unknown key, did you mean listen?",
    "gateway.yaml:5:25: clients.crm.token_endpoint:",
    "gateway.yaml:5:70: clients.crm.client_secert: unknown key, did you mean client_secret?",
    "gateway.yaml:7:12: routes[0].path:",
    "gateway.yaml:7:57: routes[0].client: unknown client, did you mean crm?",
]


def assert_all_is_told(done, folder):
    lines = [line.removeprefix(f"{folder}/") for line in done.err.splitlines()]
    assert (done.status, done.out, len(lines)) == (2, "", len(PROBLEMS))
    assert [line for line, start in zip(lines, PROBLEMS, strict=True) if not line.startswith(start)] == []
    assert "hunter2" not in done.err
    assert not (folder / "access.log").exists()


@pytest.fixture
def broken(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(BROKEN.replace("/tmp/access.log", f"{tmp_path}/access.log"))
    return file


def test_every_problem_is_told_at_once_and_nothing_is_started(tmp_path, broken):
    assert_all_is_told(gateway(tmp_path, "run"), tmp_path)


@pytest.mark.parametrize("command", ["token crm", "explain GET /"])
def test_every_command_tells_the_same_problems(tmp_path, broken, command):
    assert_all_is_told(gateway_here(*command.split(), "-c", str(broken)), tmp_path)


def test_check_tells_them_too_and_counts_them(tmp_path, broken):
    done = gateway_here("check", "-c", str(broken))
    told, _, last = done.err.rstrip("\n").rpartition("\n")

    assert_all_is_told(Finished(done.status, done.out, told), tmp_path)
    assert last == f"{broken}: refused (5 problems)"


ODD = {
    "clients": {
        "crm": {
            "token_endpoint": "https://127.0.0.1:9/t",
            "client_id": "me",
            "client_secret": "${env:SECRET}",
        }
    },
    "routes": [{"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm", "preserve_host": True}],
}


def test_what_is_seldom_meant_is_a_warning_and_no_reason_to_refuse(tmp_path):
    file = write_configuration(tmp_path, ODD)

    done = gateway_here("check", "-c", str(file), SECRET=SECRET)

    assert done.status == 0
    (warning,) = done.err.splitlines()
    assert ": warning: routes[0].preserve_host: the caller's Host chooses" in warning
    assert done.out == f"{file}: good (1 route, 1 client), 1 warning\n"


def test_warnings_are_counted_apart_from_problems(tmp_path):
    file = write_configuration(tmp_path, ODD | {"lisen": "127.0.0.1:0"})

    done = gateway_here("check", "-c", str(file), SECRET=SECRET)

    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1] == f"{file}: refused (1 problem, 1 warning)"


@pytest.mark.parametrize("level", ["info", "error"])
async def test_the_first_line_is_written_as_the_others_are_whatever_the_level(tmp_path, level):
    document = {"routes": [ROUTE], "log": {"access": "off", "level": level, "format": "json"}}
    async with running(tmp_path, document) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    first, *_ = map(json.loads, child.told)
    assert first["level"] == "info"
    assert re.fullmatch(
        r"gateway \S+: listening on 127\.0\.0\.1:\d+, admin on 127\.0\.0\.1:\d+", first["message"]
    )


async def test_a_variable_that_writes_tls_keys_to_a_file_is_warned_of(tmp_path):
    keys = tmp_path / "keys"
    document = {"routes": [ROUTE], "log": {"access": "off", "format": "json"}}
    async with running(tmp_path, document, {"SSLKEYLOGFILE": str(keys)}) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    (warning,) = [line for line in map(json.loads, child.told) if "SSLKEYLOGFILE" in line["message"]]
    assert warning["level"] == "warning"


async def test_a_start_logs_each_warning_once(tmp_path):
    async with running(tmp_path, ODD, {"SECRET": SECRET}) as child:
        child.signal(signal.SIGTERM)
        await child.ended()

    warnings = [line for line in child.told if "routes[0].preserve_host" in line]
    assert len(warnings) == 1
    assert json.loads(warnings[0])["level"] == "warning"


def test_a_demo_of_a_broken_configuration_starts_nothing(tmp_path, broken, demo_ports):
    assert_all_is_told(gateway(tmp_path, "demo", "-c", "gateway.yaml"), tmp_path)


def test_a_secret_that_is_not_in_the_environment_is_named_by_its_place():
    done = gateway_here("check", "-c", str(EXAMPLE), DEMO_SECRET=None, PARTNER_SECRET=None)

    assert done.status == 2
    assert len(done.err.splitlines()) == 3  # two problems, and how many they are
    assert "clients.mobile_android.client_secret" in done.err
    assert "DEMO_SECRET" in done.err


@pytest.mark.parametrize(
    "arguments", ["", "rum", "run --port 1", "token", "explain GET", "token nobody -c {example}"]
)
def test_a_wrong_command_line_ends_with_status_2(arguments):
    words = arguments.format(example=EXAMPLE).split()
    done = gateway_here(*words, **EXAMPLE_SECRETS)

    assert done.status == 2
    assert "Usage: " in done.err


def test_an_unknown_client_is_answered_with_those_that_exist():
    done = gateway_here("token", "crm", "-c", str(EXAMPLE), **EXAMPLE_SECRETS)

    assert (done.status, done.out) == (2, "")
    assert "mobile_android, partner" in done.err


# ── what cannot be done: one line, status 1 ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("listen: {}\n", "1:9: listen"),
        ("listen: [127.0.0.1:0, {}]\n", "1:23: listen[1]"),
        ("listen: [{{address: {}}}]\n", "1:10: listen[0]"),
        ("listen: 127.0.0.1:0\nadmin: {}\n", "2:8: admin"),
    ],
)
def test_an_address_that_is_taken_is_one_line_that_names_its_key(tmp_path, before, key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = before.format(address) + ("" if "admin" in before else f"admin: {ANY_PORT}\n")
        (tmp_path / "gateway.yaml").write_text(f"{text}routes: [{{path: /, upstream: http://127.0.0.1:9}}]\n")
        done = gateway(tmp_path, "run")

    assert (done.status, done.out) == (1, "")
    reason = "the address is in use: another process listens there"
    assert done.complaint == f"gateway.yaml:{key}: {address}: {reason}"


def test_a_default_address_that_is_taken_is_told_as_one(tmp_path, demo_ports):
    (tmp_path / "gateway.yaml").write_text(
        f"listen: {ANY_PORT}\nroutes: [{{path: /, upstream: http://127.0.0.1:9}}]\n"
    )
    with socket.create_server(("127.0.0.1", 8079)):
        done = gateway(tmp_path, "run")

    assert done.status == 1
    assert done.complaint == (
        "gateway: cannot start: admin (by default): 127.0.0.1:8079: the address is in use: another process listens "
        "there"
    )


def test_an_address_that_is_none_of_this_machine_is_told(tmp_path):
    write_configuration(tmp_path, {"routes": [ROUTE], "listen": "192.0.2.1:8080"})

    assert gateway(tmp_path, "run").complaint == (
        "gateway.yaml:1:12: listen: 192.0.2.1:8080: the address is none of this machine"
    )


def write_certificate(folder, name, ends_in_days=1.0):
    """A certificate and its key as `name.pem` and `name.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=ends_in_days))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def listen_with_tls(certificate, key):
    return {"listen": [{"address": "127.0.0.1:0", "tls": {"certificate": certificate, "key": key}}]}


UNUSABLE = {
    "a certificate that is not there": (listen_with_tls("none.pem", "good.key"), "none.pem", "No such file"),
    "a certificate that is a folder": (listen_with_tls("folder", "good.key"), "folder", "Is a directory"),
    "a certificate that expired": (listen_with_tls("old.pem", "old.key"), "old.pem", "expired on"),
    "a key of another certificate": (listen_with_tls("good.pem", "old.key"), "old.key", "not the key of"),
    "a key that is no key": (listen_with_tls("good.pem", "good.pem"), "good.pem", "not a private key"),
    "an upstream's authority": (
        {"routes": [{"path": "/", "upstream": "https://127.0.0.1", "tls": {"ca": "none.pem"}}]},
        "none.pem",
        "No such file",
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    write_certificate(folder, "good")
    write_certificate(folder, "old", ends_in_days=-1.0)
    return folder


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_cannot_be_used_is_one_line_that_names_it(files, what):
    document, name, reason = UNUSABLE[what]
    file = write_configuration(files, {"routes": [ROUTE]} | document)

    done = gateway_here("check", "-c", str(file))

    assert (done.status, done.out) == (1, "")
    complaint, count = done.err.splitlines()
    assert complaint.startswith(f"{file}:1:")
    assert f"/{name} " in complaint
    assert reason in complaint
    assert count == f"{file}: good, but what it names cannot be used (1 problem)"


def test_a_file_that_cannot_be_used_keeps_it_from_starting(files):
    write_configuration(files, {"routes": [ROUTE]} | listen_with_tls("old.pem", "old.key"))

    done = gateway(files, "run")

    assert (done.status, done.out) == (1, "")
    assert done.complaint.startswith("gateway.yaml:1:")
    assert "old.pem expired on" in done.complaint


def test_one_listener_with_tls_needs_no_list(files):
    (listener,) = listen_with_tls("good.pem", "good.key")["listen"]
    file = write_configuration(files, {"routes": [ROUTE], "listen": listener})

    assert gateway_here("check", "-c", str(file)).err == ""


@pytest.mark.parametrize("command", ["run", "check", "token crm", "explain GET /"])
def test_a_configuration_that_is_not_there_is_one_line_that_names_it(tmp_path, command):
    done = gateway_here(*command.split(), "-c", f"{tmp_path}/none.yaml")

    assert (done.status, done.out) == (1, "")
    assert done.complaint == f"gateway: {tmp_path}/none.yaml: cannot be read: No such file or directory"


def test_an_access_log_that_cannot_be_opened_is_one_line_that_names_it(tmp_path):
    write_configuration(tmp_path, {"routes": [ROUTE], "log": {"access": str(tmp_path / "none" / "log")}})

    done = gateway(tmp_path, "run")

    assert done.status == 1
    assert str(tmp_path / "none" / "log") in done.complaint


# ── check, schema, explain ────────────────────────────────────────────────────────────────────────


def test_a_good_configuration_is_told_in_one_line(tmp_path):
    done = gateway(tmp_path, "check", "-c", str(EXAMPLE), **EXAMPLE_SECRETS)

    assert (done.status, done.err) == (0, "")
    assert done.out == f"{EXAMPLE}: good (3 routes, 2 clients)\n"


def test_the_schema_accepts_the_example_and_nothing_that_check_refuses(tmp_path):
    done = gateway(tmp_path, "schema")
    schema, yaml = json.loads(done.out), YAML(typ="safe", pure=True)
    broken = complaints(schema, yaml.load(BROKEN))

    assert (done.status, done.err) == (0, "")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert complaints(schema, yaml.load(EXAMPLE.read_text())) == []
    assert "$.lisen: is not known" in broken


EXPLAINED = {
    "GET /crm/users?a=%2F": ("/crm (client mobile_android)", "http://127.0.0.1:9500/occ/v2/users?a=%2F"),
    "GET http://127.0.0.1:8080/crm": ("/crm (client mobile_android)", "http://127.0.0.1:9500/occ/v2"),
    "post /orders/1": ("/orders (client partner)", "http://127.0.0.1:9500/orders/1"),
    "GET /crmx": ("/ (no client: no token is injected)", "http://127.0.0.1:9500/crmx"),
}


@pytest.mark.parametrize("arguments", EXPLAINED)
def test_explain_shows_the_route_and_the_upstreams_url(arguments):
    done = gateway_here("explain", *arguments.split(), "-c", str(EXAMPLE), **EXAMPLE_SECRETS)
    route, upstream = (line.split(None, 1)[1] for line in done.out.splitlines()[:2])

    assert (done.status, done.err) == (0, "")
    assert (route, upstream) == EXPLAINED[arguments]


def test_explain_shows_the_header_before_and_after():
    fields = ("-H", "Cookie: a=b", "-H", "X-Tenant: mine", "-H", "Authorization: Basic abc")
    done = gateway_here("explain", "GET", "/orders", *fields, "-c", str(EXAMPLE), **EXAMPLE_SECRETS)
    before, after = done.out.partition("before\n")[2].split("after\n")

    assert "  Cookie: a=b\n  X-Tenant: mine\n" in before
    assert "Cookie" not in after
    assert re.findall(r"(?m)^  X-Tenant: (.*)$", after) == ["acme"]
    assert re.findall(r"(?m)^  Authorization: (.*)$", after) == ["Bearer <the token of client partner>"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("GET /crm/%2e%2e/x", "400 ambiguous_path"),
        ("TRACE /", "501 method_unsupported"),
        ("GET crm", "400 malformed_request"),
        ("GET /crm -H X€:1", ""),
        ("GET http://€/crm", ""),
        ("G€T /crm", ""),
    ],
)
def test_explain_says_in_one_line_why_a_request_is_refused(arguments, code):
    done = gateway_here("explain", *arguments.split(), "-c", str(EXAMPLE), **EXAMPLE_SECRETS)

    assert (done.status, done.out) == (1, "")
    assert done.complaint.startswith(f"gateway: refused: {code}")


def test_explain_names_the_routes_that_are_near_where_none_matches(tmp_path):
    routes = [ROUTE | {"path": path} for path in ("/crm", "/orders", "/Invoices")]
    file = write_configuration(tmp_path, {"routes": [*routes, ROUTE | {"host": "a.example"}]})

    done = gateway_here("explain", "GET", "http://b.example/crmx", "-c", str(file))

    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        "gateway: refused: 404 no_route: no route matches this host and path; the nearest routes:",
        "  a.example/ serves only the host a.example, and this request is for b.example",
        "  /crm matches whole segments only: /crm and /crm/...",
    ]


BEHIND = {
    "listen": ["127.0.0.1:8080", "unix:/run/gateway.sock", "0.0.0.0:8081"],
    "trusted_proxies": ["unix", "10.0.0.0/8"],
    "routes": [ROUTE],
}


@pytest.mark.parametrize(
    ("options", "caller", "forwarded"),
    [
        ("", "127.0.0.1, over http, at 127.0.0.1:8080", "127.0.0.1"),
        (
            "--from unix",
            "unix, over http, at unix:/run/gateway.sock; a trusted proxy, which speaks for 203.0.113.7",
            "203.0.113.7",
        ),
        (
            "--from 10.0.0.9",
            "10.0.0.9, over http, at 0.0.0.0:8081; a trusted proxy, which speaks for 203.0.113.7",
            "203.0.113.7, 10.0.0.9",
        ),
        ("--from 192.0.2.1", "192.0.2.1, over http, at 0.0.0.0:8081", "192.0.2.1"),
        ("--from 127.0.0.1 --listener 0.0.0.0:8081", "127.0.0.1, over http, at 0.0.0.0:8081", "127.0.0.1"),
    ],
)
def test_explain_takes_the_caller_for_whom_the_listener_would(tmp_path, options, caller, forwarded):
    file = write_configuration(tmp_path, BEHIND)
    fields = ("-H", "X-Forwarded-For: 203.0.113.7")
    done = gateway_here("explain", "GET", "/", "-c", str(file), *fields, *options.split())

    assert (done.status, done.err) == (0, "")
    assert f"caller     {caller}\n" in done.out
    assert re.findall(r"(?m)^  X-Forwarded-For: (.*)$", done.out) == ["203.0.113.7", forwarded]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--from nobody", "expected an IP address such as 203.0.113.7 or 2001:db8::1, or unix"),
        ("--from 203.0.113.7 --listener 127.0.0.1:8080", "cannot reach 127.0.0.1:8080"),
        (
            "--listener 127.0.0.1:9",
            "no listener has the address 127.0.0.1:9; the listeners are 127.0.0.1:8080",
        ),
    ],
)
def test_explain_says_who_cannot_come_in_where(tmp_path, options, words):
    file = write_configuration(tmp_path, BEHIND)
    done = gateway_here("explain", "GET", "/", "-c", str(file), *options.split())

    assert (done.status, done.out) == (2, "")
    assert words in done.err


def test_explain_masks_what_the_owner_keeps_out_of_the_file(tmp_path):
    """`${env:...}` in `headers` is an API key more often than not."""
    headers = {"request": {"set": {"X-Api-Key": "${env:KEY}"}, "add": {"X-More": "${env:KEY}"}}}
    file = write_configuration(tmp_path, {"routes": [ROUTE | {"headers": headers}]})

    done = gateway_here("explain", "GET", "/", "-c", str(file), KEY=SECRET)

    assert done.status == 0
    assert "X-Api-Key: " in done.out
    assert SECRET not in done.out


def test_explain_shows_the_host_that_a_variable_names(tmp_path):
    routes = [
        ROUTE | {"upstream": "https://${env:API_HOST}:${env:API_PORT}/occ"},
        ROUTE | {"path": "/hook", "upstream": "https://${env:API_HOST}/bot${env:KEY}"},
    ]
    file = write_configuration(tmp_path, {"routes": routes})
    environ = {"API_HOST": "api.internal", "API_PORT": "8443", "KEY": SECRET}

    shown, hidden = (
        gateway_here("explain", "GET", path, "-c", str(file), **environ) for path in ("/x", "/hook")
    )

    assert "upstream   https://api.internal:8443/occ/x\n" in shown.out
    assert "  Host: api.internal:8443\n" in shown.out
    assert "upstream   https://api.internal/bot••••/hook\n" in hidden.out


# ── token ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def authorization_server(request):
    registrations = tuple(Registration(name, Secret(SECRET)) for name in ("mobile_android", "partner"))
    token_format = getattr(request, "param", TokenFormat.JWT)
    settings = AuthorizationServerSettings(registrations, token_format)
    async with DemoAuthorizationServer(settings) as server:
        yield server


def clients_of(server, secret="${env:SECRET}"):
    known = {"token_endpoint": server.token_endpoint, "client_secret": secret}
    post = {"token_endpoint_auth_method": "client_secret_post", "parameters": {"tenant": "${env:SECRET}"}}
    return {
        "clients": {
            "mobile": known | {"client_id": "mobile_android", "scope": "users.read"},
            "partner": known | post | {"client_id": "partner"},
        },
        "routes": [ROUTE | {"client": "mobile"}],
    }


@pytest.mark.parametrize(
    ("client", "authorization_server"),
    [("mobile", TokenFormat.JWT), ("partner", TokenFormat.OPAQUE)],
    indirect=["authorization_server"],
)
async def test_a_token_is_fetched_and_explained_without_being_shown(tmp_path, authorization_server, client):
    file = write_configuration(tmp_path, clients_of(authorization_server))

    text = await gateway_beside(tmp_path, "token", client, SECRET=SECRET)
    told = await gateway_here_beside("token", client, "--json", "-c", str(file), SECRET=SECRET)
    report = json.loads(told.out)

    assert (text.status, text.err, told.status, told.err) == (0, "", 0, "")
    assert "lifetime: 300 s (as stated)" in text.out
    assert (report["status"], report["token"]["lifetime_s"], report["problem"]) == (200, 300.0, "")
    assert authorization_server.counters.issued == 2
    for out in (text.out, told.out):
        assert SECRET not in out
        assert not re.search(r"opaque-\d|eyJ", out), "the token itself is shown"


@pytest.mark.parametrize("code", ["ascii", "ascii:strict", "latin-1", "utf-8"])
async def test_a_terminal_that_knows_few_characters_is_shown_plain_ones(tmp_path, authorization_server, code):
    write_configuration(tmp_path, clients_of(authorization_server))
    told = await gateway_beside(
        tmp_path,
        "token",
        "mobile",
        SECRET=SECRET,
        PYTHONIOENCODING=code,
        PYTHONUTF8="0",
        LANG="C",
        LC_ALL="C",
    )
    assert (told.status, told.err) == (0, "")
    mask = "••••" if code == "utf-8" else "\x95" * 4 if code == "cp1252" else "****"
    assert f"  > Authorization: Basic {mask}" in told.out.splitlines()


async def test_a_wrong_secret_is_explained(tmp_path, authorization_server):
    wrong = "wrong-horse-battery-staple"
    file = str(write_configuration(tmp_path, clients_of(authorization_server)))

    text = await gateway_here_beside("token", "mobile", "-c", file, SECRET=wrong)
    told = await gateway_here_beside("token", "partner", "--json", "-c", file, SECRET=wrong)
    report = json.loads(told.out)

    assert (text.status, text.err, told.status, told.err) == (1, "", 1, "")
    assert "status 401" in text.out
    assert "no token: " in text.out
    assert (report["status"], report["token"]) == (401, None)
    assert report["error_description"] == "unknown client or wrong secret"
    assert wrong not in text.out + told.out


async def test_an_authorization_server_that_is_down_is_told_from_one_that_refuses(
    tmp_path, authorization_server
):
    authorization_server.is_down = True
    file = write_configuration(tmp_path, clients_of(authorization_server))

    told = await gateway_here_beside("token", "mobile", "--json", "-c", str(file), SECRET=SECRET)

    assert (told.status, json.loads(told.out)["status"], authorization_server.counters.requests) == (
        1,
        503,
        1,
    )


async def test_a_running_gateway_shows_no_secret_to_other_processes(tmp_path, authorization_server):
    """`/proc/PID` is open to more than the operator; a secret from a file stands in none of it."""
    (tmp_path / "secret").write_text(SECRET)
    document = clients_of(authorization_server, f"${{file:{tmp_path}/secret}}")
    document["clients"].pop("partner")
    async with running(tmp_path, document) as child:
        await child.until_told("obtained, it lives")
        names = ("cmdline", "comm", "environ")[: 3 if os.getuid() == 0 else 2]  # the last is root's alone
        seen = [Path(f"/proc/{child.pid}/{name}").read_text() for name in names]
        child.signal(signal.SIGTERM)
        await child.ended()

    assert "gateway" in seen[0]
    assert SECRET not in "".join(seen + child.told)


# ── demo ──────────────────────────────────────────────────────────────────────────────────────────

USERS = "curl -i 'http://127.0.0.1:8080/crm/users?client=mobile_android'"
REVOKE = "curl -X POST http://127.0.0.1:9400/revoke-all"
PROMISED = [
    (USERS, ["200"]),
    (f"sleep 2; {USERS}", ["200"]),
    (f"{REVOKE}; {USERS}", ["200", "200"]),
    (REVOKE, ["200"]),
    ("curl -i -d 'two of them' http://127.0.0.1:8080/crm/orders", ["201"]),
    (f"curl -X POST http://127.0.0.1:9400/down; {REVOKE}", ["200", "200"]),
    (USERS, ["503"]),
    ("curl -X POST http://127.0.0.1:9400/up", ["200"]),
    ("curl -i 'http://127.0.0.1:9500/occ/v2/users?client=mobile_android'", ["401"]),
    ("curl http://127.0.0.1:8079/clients", ["200"]),
    ("curl http://127.0.0.1:8079/metrics", ["200"]),
]


def pasted(folder, line):
    """What a shell makes of a line; `.curlrc` lets each curl end by telling its status."""
    (folder / ".curlrc").write_text('silent\nwrite-out = "\\nstatus %{http_code}\\n"\n')
    done = subprocess.run(
        ["sh", "-c", line], env=environment(folder), capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_every_line_of_the_demo_does_what_it_promises(tmp_path, demo_ports):
    """On a life of 1 s, so that an expiry is worth waiting for."""
    async with started(tmp_path, "demo", "--lifetime", "1", environ={}) as child:
        banner = await child.until_printed("Ctrl-C ends it")
        assert f"The gateway's configuration is {example_file()}\n" in banner
        await child.until_printed("obtained")
        lines = re.findall(r"(?m)^ {5}(\S.*)$", banner)
        said = [await to_thread(pasted, tmp_path, line) for line in lines]
        child.signal(signal.SIGTERM)

        statuses = [re.findall(r"(?m)^status (\d+)$", text) for text in said]
        assert list(zip(lines, statuses, strict=True)) == PROMISED
        assert '"users": 5' in said[0]
        assert "urn:gateway:error:token_unavailable" in said[6]
        assert await child.ended() == 0
        assert child.told == []


async def test_a_configuration_of_ones_own_in_the_folder_does_not_change_the_demo(
    tmp_path, broken, demo_ports
):
    """Whoever wrote one as the README says, in the repository or elsewhere, still sees the demo."""
    async with started(tmp_path, "demo", environ={}) as child:
        await child.until_printed("Ctrl-C ends it")
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0


async def test_a_second_demo_names_the_port_that_is_taken(tmp_path, demo_ports):
    with socket.create_server(("127.0.0.1", 9400)):
        done = await gateway_beside(tmp_path, "demo")

    assert (done.status, done.out) == (1, "")
    assert "http://127.0.0.1:9400" in done.complaint


async def test_a_demo_whose_gateway_cannot_listen_says_so_before_it_says_what_to_paste(tmp_path, demo_ports):
    with socket.create_server(("127.0.0.1", 8080)):
        done = await gateway_beside(tmp_path, "demo")

    assert (done.status, done.out) == (1, "")
    assert "8080" in done.complaint
