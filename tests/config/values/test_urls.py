from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problems import Wrong
from gateway.config.values.urls import ServerUrl, endpoint, path_prefix, proxy, resource, upstream
from gateway.core.settings.upstream_settings import Scheme


@pytest.mark.parametrize(
    ("text", "authority", "base"),
    [
        ("http://a", "a", ""),
        ("http://A:80/", "a", ""),
        ("https://a:443", "a", ""),
        ("https://a:80/x", "a:80", "/x"),
        ("HTTP://127.0.0.1:9500/occ/v2/", "127.0.0.1:9500", "/occ/v2"),
        ("http://[::1]:1/a%20b", "[::1]:1", "/a%20b"),
        ("unix:/run/a.sock", "localhost", ""),
    ],
)
def test_upstreams(text, authority, base):
    found = upstream(text)
    assert (found.settings.authority, found.base_path) == (authority, base)


def test_a_unix_upstream_has_a_path_of_its_own():
    settings = upstream("unix:/run/a.sock").settings
    assert (settings.scheme, settings.socket_path) == (Scheme.UNIX, "/run/a.sock")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "a:80",
        "//a",
        "ftp://a",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "http://a:0",
        "http://a:65536",
        "http://a?b",
        "http://a#b",
        "http://a/?",
        "http://u@a",
        "http://u:p@a/b",
        "http://a/../b",
        "http://a/%2e%2e/b",
        "http://a\\b",
        "http://a/ b",
        "http://a/é",
        "http://a/%zz",
        "http://a/\x00",
        "unix:a",
        "unix:",
        "http://::1",
        80,
        None,
        ["http://a"],
    ],
)
def test_nothing_else_is_an_upstream(value):
    with pytest.raises(Wrong):
        upstream(value)


def test_the_query_of_an_endpoint_stays():
    text = "https://Login.example.com/t?tenant=a%20b"
    assert endpoint(text) == ServerUrl(text, Scheme.HTTPS, "login.example.com")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "login.example.com",
        "unix:/a",
        "https://a/t#",
        "https://a/t?b#c",
        "https://u:p@a",
        "https://a b",
        1,
    ],
)
def test_nothing_else_is_an_endpoint(value):
    with pytest.raises(Wrong):
        endpoint(value)


@pytest.mark.parametrize("text", ["http://a:3128", "http://u:p@a:3128", "http://u:p@[::1]:3128/"])
def test_proxies(text):
    assert proxy(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a:3128",
        "https://a:3128",
        "socks5://a:1",
        "http://a",
        "http://a:1/b",
        "http://u:p@",
        "http://a:1\n",
        1,
    ],
)
def test_no_other_proxy(value):
    with pytest.raises(Wrong):
        proxy(value)


@pytest.mark.parametrize(
    "text", ["https://api.example.com", "https://a/b?c", "urn:example:api", "api://client-id"]
)
def test_resources_are_absolute_uris(text):
    assert resource(text) == text


@pytest.mark.parametrize("text", ["", "api", "/api", "1a:b", "https:", "https://a#b", "https://a b", "urn:é"])
def test_no_other_resource(text):
    with pytest.raises(Wrong):
        resource(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a//", "/a"),
        ("/a/b", "/a/b"),
        ("/a.b/..c", "/a.b/..c"),
        ("/%41", "/%41"),
        ("/a;b=c", "/a;b=c"),
        ("/...", "/..."),
        ("/a/%2F", "/a/%2F"),
    ],
)
def test_paths_lose_their_final_slash_and_nothing_else(text, path):
    assert path_prefix(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/a?b",
        "/a#b",
        "/.",
        "/..",
        "/a/./b",
        "/a/../b",
        "/%2e",
        "/a/%2E%2e/b",
        "/%252e%252e",
        "/..;x/a",
        "/a%2f..%2fb",
        "/a\\b",
        "/a b",
        "/é",
        "/a\x00",
        "/%",
        "/%4",
        "/%zz",
        "*",
    ],
)
def test_paths_with_a_second_reading_are_wrong(text):
    with pytest.raises(Wrong):
        path_prefix(text)


@given(st.text(alphabet="ahtp:/.%2e?#@[]\\ é", max_size=16))
def test_any_text_is_read_or_wrong(text):
    for reader in (upstream, endpoint, proxy, resource, path_prefix):
        for start in ("", "http://", "/"):
            try:
                reader(start + text)
            except Wrong:
                continue
