"""URLs that an authorization server told: to which of them may credentials be sent?"""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from gateway.config.problems import Wrong
from gateway.config.values.urls import endpoint
from gateway.core.text.server_url import authority_of, is_loopback, may_be_asked, origin_of, url_host

HERE = "http://127.0.0.1:8080"
LOOPBACKS = ("127.0.0.1", "127.255.0.9", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST")


@pytest.mark.parametrize(
    "url",
    [
        "https://as.example.com/token",
        "HTTPS://AS.example.com/token",
        "https://as.example.com",
        "https://as.example.com:8443/a%2Fb?tenant=x&y",
        "https://[2001:db8::1]:443/token",
        "https://as.example.com:65535/token",
        *(f"http://{host}/token" for host in LOOPBACKS),
        *(f"http://{host}:8080/token" for host in LOOPBACKS),
    ],
)
def test_https_and_this_machine_may_be_asked(url: str):
    assert may_be_asked(url, HERE, allows_insecure=False)


@pytest.mark.parametrize(
    "teller", ["https://as.example.com", "https://127.0.0.1.example.com/x", "https://[::2]"]
)
@pytest.mark.parametrize("host", LOOPBACKS)
def test_a_server_elsewhere_leads_nobody_to_this_machine_in_plain(teller: str, host: str):
    assert not may_be_asked(f"http://{host}/token", teller, allows_insecure=False)
    assert may_be_asked(f"https://{host}/token", teller, allows_insecure=False)
    assert may_be_asked(f"http://{host}/token", teller, allows_insecure=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example.com/x", "HTTPS://A.example.com:443/y?z#"),
        ("http://a/", "http://a:80"),
        ("https://[::1]/x", "https://[::1]:443/"),
    ],
)
def test_urls_of_one_server_are_known_as_such(one: str, other: str):
    assert authority_of(one) == authority_of(other)


@pytest.mark.parametrize(
    "other", ["http://a/", "https://a:8443/", "https://b/", "https://a:x/", "https://[a/"]
)
def test_urls_of_other_servers_are_never_taken_for_the_same(other: str):
    assert authority_of("https://a/") != authority_of(other)


@pytest.mark.parametrize(
    "host",
    [
        "as.example.com",
        "128.0.0.1",
        "0.0.0.0",
        "127.0.0.1.example.com",
        "127.1",
        "2130706433",
        "localhost.example.com",
        "localhost.",
        "localhost%00.example.com",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "notlocalhost",
    ],
)
def test_http_to_another_machine_may_be_asked_only_where_the_owner_allowed_it(host: str):
    assert not may_be_asked(f"http://{host}/token", HERE, allows_insecure=False)
    assert may_be_asked(f"http://{host}/token", HERE, allows_insecure=True)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        True,
        ["https://as.example.com/"],
        "",
        "/token",
        "as.example.com/token",
        "//as.example.com/token",
        "https:as.example.com",
        "https:///token",
        "https://:443/token",
        "https://user@as.example.com/",
        "https://user:pw@as.example.com/",
        "https://as.example.com@evil.test/",
        "https://@as.example.com/",
        "https://as.example.com/token#x",
        "https://as.example.com/token#",
        "https://as.example.com\\@evil.test/",
        "https://as.example.com\\.evil.test/",
        "https://as.example.com/ token",
        " https://as.example.com/",
        "https://as.example.com/\n",
        "https://as.example.com/\r\nX: y",
        "https://as.example.com/\x00",
        "https://as.exam\tple.com/",
        "https://ás.example.com/",
        "https://as.example.com/é",
        "https://as.example.com/\x7f",
        "https://as.example.com:65536/",
        "https://as.example.com:-1/",
        "https://as.example.com:+80/",
        "https://as.example.com:8_0/",
        "https://as.example.com:443x/",
        "https://as.example.com:1:2/",
        "https://as.example.com:99999999999999999999/",
        "https://[::1/",
        "https://[::1]evil.test/",
        "https://[nonsense]/",
        "ftp://as.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "unix:/run/as.sock",
        "https://as.example.com/" + "a" * 2048,
    ],
)
@pytest.mark.parametrize("allows_insecure", [True, False])
def test_what_is_no_plain_absolute_url_is_never_asked(url: object, allows_insecure: bool):
    assert not may_be_asked(url, HERE, allows_insecure=allows_insecure)


def test_the_longest_url_may_be_asked():
    longest = "https://a/" + "b" * (2048 - len("https://a/"))
    assert may_be_asked(longest, HERE, allows_insecure=False)
    assert not may_be_asked(longest + "b", HERE, allows_insecure=False)


PIECES = st.sampled_from(
    [
        "http",
        "https",
        "://",
        ":",
        "/",
        "\\",
        "@",
        "#",
        "?",
        "[",
        "]",
        "localhost",
        "127.0.0.1",
        "::1",
        "evil.test",
        ".",
        "%",
        "%2e",
        "80",
        "\t",
        "é",
    ]
)
URLS = st.lists(PIECES, max_size=8).map("".join) | st.text()
WRITTEN = st.tuples(st.sampled_from(["http://", "https://"]), URLS).map("".join) | URLS


@given(WRITTEN, st.booleans())
@example("http://[::1].evil.test/", False)
@example("http://[v1.x]/", True)
def test_every_text_is_judged_and_another_machine_is_never_asked_in_plain(url: str, allows_insecure: bool):
    is_taken = may_be_asked(url, HERE, allows_insecure=allows_insecure)
    if is_taken and not allows_insecure and urlsplit(url).scheme == "http":
        assert is_loopback(urlsplit(url).hostname or "")


@given(WRITTEN)
def test_what_is_judged_and_what_is_asked_are_the_same_host(url: str):
    """Two readers: the one that judges here, and the one that the connection is opened by."""
    if may_be_asked(url, HERE, allows_insecure=True):
        judged = urlsplit(url).hostname or ""
        opened = URL(url, encoded=True).host or ""
        assert opened.lower() == judged


@given(WRITTEN)
@example("https://as.example.com.:443/token?x")
@example("http://[::1]:8080")
def test_what_an_owner_may_write_a_server_may_name_and_both_mean_the_same_host(url: str):
    """The reader of the configuration says what is wrong, this one only that something is."""
    try:
        written = endpoint(url)
    except Wrong:
        return
    assert may_be_asked(url, HERE, allows_insecure=True)
    assert (urlsplit(url).scheme, url_host(url).removesuffix(".")) == (written.scheme.value, written.host)


@given(st.text() | st.ip_addresses().map(str))
def test_every_host_is_loopback_or_not(host: str):
    assert is_loopback(host) in {True, False}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://AS.example.com:8443/Token?X", "https://as.example.com:8443"),
        ("https://as.example.com", "https://as.example.com"),
        ("https://as.example.com?x=/y", "https://as.example.com"),
        ("https://as.example.com#x", "https://as.example.com"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_an_origin_is_what_stands_before_the_path(url: str, origin: str):
    assert origin_of(url) == origin
