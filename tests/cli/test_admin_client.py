"""Where the admin listener is, read from a file that may be broken elsewhere."""

from __future__ import annotations

import json
import socket
from threading import Thread

import pytest

from gateway.cli.admin_client import DEFAULT, AdminUnreachable, Place, admin_place, ask, plain_word
from gateway.core.config_place import ConfigVariable


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("listen: 127.0.0.1:1\n", DEFAULT),
        ("admin: 127.0.0.1:1\n", "127.0.0.1:1"),
        ("a: [\nadmin: 127.0.0.1:1  # here\nb: }", "127.0.0.1:1"),
        ("'admin': \"[::1]:1\"\r\nx: 1\r\n", "[::1]:1"),
        ("admin: unix:/run/a_b-c.sock\n", "unix:/run/a_b-c.sock"),
        ("admin: off\n", "off"),
        ("log:\n  admin: 127.0.0.1:1\n", DEFAULT),
        ('{"admin": "127.0.0.1:1"}', "127.0.0.1:1"),
        ('{"routes": []}', DEFAULT),
    ],
)
def test_a_plain_file_is_read_at_a_glance(text, word):
    assert plain_word(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "admin: ${env:ADMIN}\n",
        "admin: a:1\nadmin: b:2\n",
        "admin: &here 127.0.0.1:1\n",
        "<<: *base\n",
        "--- {admin: 127.0.0.1:1}\n",
        "{admin: 127.0.0.1:1}\n",
        '{"admin": 5}',
        "admin:\n  127.0.0.1:1\n",
        '"adm\\x69n": 127.0.0.1:1\n? admin\n: 127.0.0.1:1\n',
    ],
)
def test_what_is_not_plain_is_left_to_the_reader(text):
    assert plain_word(text) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("admin: 127.0.0.1:81\n", Place("127.0.0.1", 81)),
        ("admin: '[::1]:81'\n", Place("::1", 81)),
        ("admin: unix:/run/a.sock\n", Place("", 0, "/run/a.sock")),
        ("admin: ${env:WHERE}\nroutes: 7\n", Place("127.0.0.1", 82)),
        ("{admin: ' ', listen: 7}", None),
        ("? admin\n: unix:/run/b.sock\n", Place("", 0, "/run/b.sock")),
        ("{listen: 7}", Place("127.0.0.1", 8079)),
    ],
)
def test_the_place_is_found_whatever_else_is_wrong(tmp_path, text, place):
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    if place is None:
        with pytest.raises(AdminUnreachable, match=r"gateway.yaml:1:9: admin: expected off, or an address"):
            admin_place(str(file), {})
    else:
        assert admin_place(str(file), {"WHERE": "127.0.0.1:82"}) == place


@pytest.mark.parametrize(
    "text", ["admin: 127.0.0.1:82", "admin: ${env:WHERE:-127.0.0.1:82}", "{admin: '${env:A}:82'}"]
)
def test_the_place_is_found_in_a_text_of_the_environment_too(text):
    assert admin_place(ConfigVariable(), {"GATEWAY_CONFIG": text, "A": "127.0.0.1"}) == Place("127.0.0.1", 82)


def test_a_text_of_the_environment_is_named_where_nobody_can_be_asked():
    with pytest.raises(AdminUnreachable, match=r"^GATEWAY_CONFIG: `admin` is off"):
        admin_place(ConfigVariable(), {"GATEWAY_CONFIG": "admin: off"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("admin: off\n", "`admin` is off"),
        ("admin: 127.0.0.1:0\n", "port 0, any free one"),
        ("admin: 127.0.0.1:99999\n", "expected an address"),
        ("admin: ${env:GONE}\n", "the environment variable GONE is not set"),
        ("admin: ${env:GONE}\nb: [\n", "gateway.yaml:"),
    ],
)
def test_why_nobody_can_be_asked_is_said(tmp_path, text, why):
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(AdminUnreachable) as caught:
        admin_place(str(file), {})
    assert why in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(AdminUnreachable, match=r"gone.yaml: cannot be read: No such file"):
        admin_place(str(tmp_path / "gone.yaml"), {})


def _asked(answer: bytes):
    """Ask a server that answers one connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            taken, _ = server.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        try:
            return ask(Place(*server.getsockname()), "/healthz")
        finally:
            thread.join()


def test_a_page_is_returned_with_its_status():
    assert _asked(b'HTTP/1.1 503 No\r\nA: b\r\n\r\n{"status": "stale"}') == (503, {"status": "stale"})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 2000 OK\r\n\r\n{}",
        b"HTTP/1.0 200\r\n\r\n" + json.dumps([1]).encode(),
    ],
)
def test_what_is_no_admin_listener_is_not_believed(answer):
    with pytest.raises(AdminUnreachable, match="is not the admin listener of a gateway"):
        _asked(answer)
