"""`gateway explain` and `gateway token` as the operator meets them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from asyncio import to_thread

import pytest

from gateway.demo.tokens import TokenFormat
from tests.cli.here import (
    EXAMPLE,
    EXAMPLE_SECRETS,
    ROUTE,
    SECRET,
    clients_of,
    gateway_here,
    gateway_here_beside,
)
from tests.processes import (
    COMMAND,
    environment,
    gateway_beside,
    write_configuration,
)


def test_an_unknown_client_is_answered_with_those_that_exist():
    done = gateway_here("token", "crm", "-c", str(EXAMPLE), **EXAMPLE_SECRETS)

    assert (done.status, done.out) == (2, "")
    assert "mobile_android, partner" in done.err


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


@pytest.mark.parametrize("authorization_server", [TokenFormat.OPAQUE], indirect=True)
async def test_raw_prints_the_token_alone_to_a_pipe(tmp_path, authorization_server):
    write_configuration(tmp_path, clients_of(authorization_server))

    done = await gateway_beside(tmp_path, "token", "mobile", "--raw", SECRET=SECRET)

    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(r"opaque-\S+\n", done.out)
    assert authorization_server.counters.issued == 1


async def test_raw_tells_on_stderr_why_there_is_no_token_and_tries_nothing_else(
    tmp_path, authorization_server
):
    file = str(write_configuration(tmp_path, clients_of(authorization_server)))

    done = await gateway_here_beside("token", "mobile", "--raw", "-c", file, SECRET="wrong-horse")

    assert (done.status, done.out) == (1, "")
    assert "no token: " in done.err
    assert "wrong-horse" not in done.err
    assert authorization_server.counters.requests == 1


async def on_terminal(folder, *arguments):
    """Run a command whose stdout is a terminal; return its status, what it shows there, and stderr."""
    ours, theirs = os.openpty()
    try:
        done = await to_thread(
            subprocess.run,
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(folder, SECRET=SECRET),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.write(theirs, b"end")
        shown = b""
        while not shown.endswith(b"end"):
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, shown.removesuffix(b"end").decode(), done.stderr


@pytest.mark.parametrize("authorization_server", [TokenFormat.OPAQUE], indirect=True)
async def test_raw_shows_no_token_on_a_terminal_unless_it_is_forced(tmp_path, authorization_server):
    write_configuration(tmp_path, clients_of(authorization_server))

    refused = await on_terminal(tmp_path, "token", "mobile", "--raw")
    requests = authorization_server.counters.requests
    status, shown, err = await on_terminal(tmp_path, "token", "mobile", "--raw", "--force")

    assert refused[:2] == (2, "")
    assert "stdout is a terminal" in refused[2]
    assert requests == 0
    assert (status, err) == (0, "")
    assert re.fullmatch(r"opaque-\S+\r\n", shown)


@pytest.mark.parametrize(
    ("options", "why"), [("--force", "--force belongs to --raw"), ("--raw --json", "give one of them")]
)
def test_options_of_token_that_exclude_each_other_are_refused(options, why):
    done = gateway_here("token", "partner", *options.split(), "-c", str(EXAMPLE), **EXAMPLE_SECRETS)
    assert (done.status, done.out) == (2, "")
    assert why in done.err


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
