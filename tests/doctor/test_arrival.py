import pytest

from gateway.core.settings.client_settings import TlsFiles
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.doctor.arrival import NoArrival, arrival

PAIR = TlsFiles("a", "b")
LOCAL = ListenerSettings(Address("127.0.0.1", 8080))
LOCAL6 = ListenerSettings(Address("::1", 8080))
OPEN = ListenerSettings(Address("0.0.0.0", 80))
SECURE = ListenerSettings(Address("::", 443), PAIR)
SECURE4 = ListenerSettings(Address("0.0.0.0", 443), PAIR)
NAMED = ListenerSettings(Address("localhost", 80))
UNIX = ListenerSettings(Address(path="/run/a"))
ALL = (LOCAL, UNIX, OPEN, SECURE)


@pytest.mark.parametrize(
    ("listeners", "url", "origin", "at", "expected"),
    [
        (ALL, "/", None, None, (LOCAL, "127.0.0.1")),
        ((LOCAL6,), "/", None, None, (LOCAL6, "::1")),
        ((UNIX, LOCAL), "/", None, None, (UNIX, None)),
        (ALL, "/", "unix", None, (UNIX, None)),
        (ALL, "/", "127.0.0.9", None, (LOCAL, "127.0.0.9")),
        (ALL, "/", "203.0.113.7", None, (OPEN, "203.0.113.7")),
        (ALL, "/", "2001:db8::1", None, (SECURE, "2001:db8::1")),
        (ALL, "https://a.example/", "2001:db8::1", None, (SECURE, "2001:db8::1")),
        (ALL, "https://a.example/", "203.0.113.7", None, (OPEN, "203.0.113.7")),
        ((OPEN, SECURE4), "https://a.example/", "203.0.113.7", None, (SECURE4, "203.0.113.7")),
        ((NAMED,), "/", "::1", None, (NAMED, "::1")),
        ((NAMED,), "/", "127.0.0.1", None, (NAMED, "127.0.0.1")),
        (ALL, "https://a.example/", None, None, (SECURE, "::1")),
        (ALL, "http://a.example:443/x", None, None, (SECURE, "::1")),
        (ALL, "http://a.example:8080/x:80", None, None, (LOCAL, "127.0.0.1")),
        (ALL, "HTTPS://a.example:443?x", None, None, (SECURE, "::1")),
        (ALL, "/login?next=http://a.example:443/x", None, None, (LOCAL, "127.0.0.1")),
        ((LOCAL,), "https://a.example:8443/", None, None, (LOCAL, "127.0.0.1")),
        (ALL, "/", None, "unix:/run/a", (UNIX, None)),
        (ALL, "/", "2001:db8::1", "[::]:443", (SECURE, "2001:db8::1")),
        (ALL, "https://a.example/", None, "0.0.0.0:80", (OPEN, "127.0.0.1")),
    ],
)
def test_a_request_comes_in_where_it_can(listeners, url, origin, at, expected):
    arrived = arrival(listeners, url, origin, at)
    assert (arrived.listener, arrived.peer) == expected


@pytest.mark.parametrize(
    ("listeners", "origin", "at", "words"),
    [
        (
            ALL,
            None,
            "127.0.0.1:81",
            "no listener has the address 127.0.0.1:81; the listeners are 127.0.0.1:8080, unix:/run/a",
        ),
        ((LOCAL, OPEN), "unix", None, "it is not a unix socket"),
        (
            (LOCAL, UNIX),
            "203.0.113.7",
            None,
            "cannot reach any listener: loopback addresses are reachable from this machine only",
        ),
        (ALL, "203.0.113.7", "127.0.0.1:8080", "cannot reach 127.0.0.1:8080"),
        (ALL, "203.0.113.7", "unix:/run/a", "callers on a unix socket have no address"),
        ((LOCAL, OPEN), "::1", None, "IPv6 addresses by IPv6 callers only"),
        (ALL, "203.0.113.7", "[::]:443", "cannot reach [::]:443"),
        ((NAMED,), "203.0.113.7", None, "loopback addresses are reachable from this machine only"),
        (ALL, "unix", "0.0.0.0:80", "cannot reach 0.0.0.0:80: it is not a unix socket"),
        (ALL, "localhost", None, "expected an IP address such as 203.0.113.7 or 2001:db8::1, or unix"),
        (ALL, "10.0.0.0/8", None, "expected an IP address"),
        (ALL, "", None, "expected an IP address"),
    ],
)
def test_nobody_comes_in_where_he_cannot(listeners, origin, at, words):
    with pytest.raises(NoArrival) as caught:
        arrival(listeners, "/", origin, at)
    assert words in str(caught.value)
