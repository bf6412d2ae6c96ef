import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    CallerError,
    ExpectationFailed,
    HeadTooLarge,
    MalformedRequest,
    MethodUnsupported,
    TargetTooLong,
    TransferCodingUnsupported,
    VersionUnsupported,
)
from gateway.core.http.request_fields import OVERRIDES, SPECIAL
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.all_settings import Limits
from tests.core.samples import head_of

TINY = Limits(target_bytes=8, header_bytes=64, headers=3)


def read(fields, limits=TINY, target="/"):
    return HeadReader(limits).read("GET", target, (1, 1), fields)


# ── lines and special fields ──────────────────────────────────────────────────────────────────────────


def test_fields_that_pass_are_ready_to_send_in_their_order():
    head = head_of("B: 2", "a: 1", "B: 3", "Cookie: x", "Via: 1.0 z", "TE: gzip")

    assert head.lines == [b"B: 2", b"a: 1", b"B: 3", b"Cookie: x"]
    assert head.special == {b"host": b"a.test", b"via": b"1.0 z", b"te": b"gzip"}


def test_a_repeated_special_field_is_joined():
    assert head_of("Via: a", "via: b").special[b"via"] == b"a, b"


SEPARATORS = "!#$%&'*+.^_`|~"


@pytest.mark.parametrize("name", sorted(name.decode() for name in (SPECIAL | OVERRIDES) - {b"host"}))
def test_no_special_field_passes_in_any_case_or_spelling(name):
    twins = [name.replace("-", separator, count) for separator in SEPARATORS for count in (1, -1)]
    for spelling in (name, name.upper(), name.title(), *twins):
        value = "100-continue" if name == "expect" else "chunked" if name == "transfer-encoding" else "1"
        assert head_of(f"{spelling}: {value}").lines == []


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For",
        "x-forwarded-anything",
        "X_Forwarded_Prefix",
        "x-forwarded_x",
        "X.Forwarded.For",
        "X~Forwarded!For",
    ],
)
def test_no_forwarded_field_passes(name):
    assert head_of(f"{name}: 1").lines == []


@given(st.lists(st.text(st.sampled_from("abcXYZ-_09"), min_size=1).map(str.encode)))
def test_every_field_passes_or_is_special(names):
    head = HeadReader(Limits()).read("GET", "/", (1, 1), [(b"Host", b"a"), *((name, b"v") for name in names)])

    assert len(head.lines) + len(set(map(bytes.lower, names)) & set(head.special)) <= len(names) + 1
    assert [line for line in head.lines if line.partition(b":")[0].lower() in SPECIAL] == []


# ── what is not served ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", [(0, 9), (1, 2), (2, 0), (3, 0), (0, 0), (10, 1)])
def test_other_versions_are_refused(version):
    with pytest.raises(VersionUnsupported):
        head_of(version=version)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_connect_and_trace_are_refused(method):
    with pytest.raises(MethodUnsupported):
        head_of(method=method, target="*")


@pytest.mark.parametrize(("length", "is_refused"), [(7, False), (8, False), (9, True)])
def test_a_target_has_a_bounded_length(length, is_refused):
    target = "/" + "a" * (length - 1)
    if is_refused:
        with pytest.raises(TargetTooLong):
            read([(b"Host", b"a")], target=target)
    else:
        assert read([(b"Host", b"a")], target=target).target.path == target


def test_a_header_has_a_bounded_size_whatever_field_fills_it():
    for name in (b"X-Foo", b"Via", b"X-Forwarded-For"):
        read([(b"Host", b"a"), (name, b"b" * 40)])
        with pytest.raises(HeadTooLarge):
            read([(b"Host", b"a"), (name, b"b" * 70)])


def test_a_header_has_a_bounded_number_of_fields():
    read([(b"Host", b"a"), (b"A", b""), (b"B", b"")])
    for name in (b"C", b"Via", b"X-Original-URL"):
        with pytest.raises(HeadTooLarge):
            read([(b"Host", b"a"), (b"A", b""), (b"B", b""), (name, b"")])


# ── framing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "length"), [("0", 0), ("5", 5), ("00012", 12), ("123456789012", 123456789012)]
)
def test_a_length_is_a_number(text, length):
    head = head_of(f"Content-Length: {text}", method="POST")

    assert (head.content_length, head.is_chunked) == (length, False)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1 ", "0x1", "1,1", "1, 1", "1_0", "a", "1.0", "²", "١"])
def test_a_length_that_is_no_plain_number_is_refused(text):
    with pytest.raises(MalformedRequest):
        HeadReader(Limits()).read("POST", "/", (1, 1), [(b"Host", b"a"), (b"Content-Length", text.encode())])


def test_a_length_beyond_all_measure_is_refused():
    with pytest.raises(CallerError):
        head_of(f"Content-Length: {'9' * 5000}", method="POST")


def test_two_lengths_are_refused():
    with pytest.raises(MalformedRequest):
        head_of("Content-Length: 1", "content-length: 1", method="POST")


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED"])
def test_chunked_is_chunked(coding):
    head = head_of(f"Transfer-Encoding: {coding}", method="POST")

    assert (head.is_chunked, head.content_length) == (True, None)


@pytest.mark.parametrize(
    "coding", ["gzip", "gzip, chunked", "chunked, chunked", "identity", "", "chunked;a=b"]
)
def test_any_other_transfer_coding_is_refused(coding):
    with pytest.raises(TransferCodingUnsupported):
        head_of(f"Transfer-Encoding: {coding}", method="POST")


def test_a_coding_beside_a_length_is_refused():
    with pytest.raises(MalformedRequest):
        head_of("Transfer-Encoding: chunked", "Content-Length: 5", method="POST")


def test_a_coding_in_http_1_0_is_refused():
    with pytest.raises(MalformedRequest):
        head_of("Transfer-Encoding: chunked", method="POST", version=(1, 0))


# ── Host ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_absolute_form_replaces_host():
    head = head_of(target="http://B.test:81/x", host="a.test")

    assert (head.host, head.authority) == ("b.test", b"B.test:81")


def test_http_1_0_may_come_without_host():
    assert head_of(version=(1, 0), host="").host == ""


def test_two_hosts_are_refused():
    with pytest.raises(MalformedRequest):
        head_of("Host: b.test")


# ── Connection, Upgrade, Expect, TE ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("listed", "dropped"),
    [
        ("close", set()),
        ("keep-alive, TE, Upgrade", set()),
        ("X-Foo", {b"x-foo"}),
        ("close, X-Foo ,x-bar,,", {b"x-foo", b"x-bar"}),
        ("X_Foo, X.Bar", {b"x-foo", b"x-bar"}),
        ("authorization", {b"authorization"}),
        ("", set()),
    ],
)
def test_what_connection_lists_beyond_the_known_is_dropped(listed, dropped):
    assert head_of(f"Connection: {listed}").dropped == dropped


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket"])
def test_websocket_is_noted(upgrade):
    assert head_of("Connection: keep-alive, Upgrade", f"Upgrade: {upgrade}").wants_websocket


@pytest.mark.parametrize("connection", ["Connection: close", "X-Foo: Upgrade"])
def test_an_upgrade_that_connection_does_not_list_is_none(connection):
    assert not head_of(connection, "Upgrade: websocket").offers_upgrade


def test_any_other_upgrade_is_noted_and_ignored():
    assert head_of("Connection: Upgrade", "Upgrade: h2c").offers_upgrade


def test_an_expectation_is_noted():
    assert head_of("Expect: 100-Continue", method="POST").expects_continue
    assert not head_of("Expect: 100-continue", method="POST", version=(1, 0)).expects_continue


@pytest.mark.parametrize("expectation", ["200-ok", "100-continue, x", ""])
def test_any_other_expectation_is_refused(expectation):
    with pytest.raises(ExpectationFailed):
        head_of(f"Expect: {expectation}")


@pytest.mark.parametrize(
    ("fields", "wants"),
    [
        (["TE: trailers", "Connection: TE"], True),
        (["TE: gzip;q=0.5, Trailers", "Connection: close, te"], True),
        (["TE: gzip", "Connection: TE"], False),
        ([], False),
    ],
)
def test_trailers_are_wanted_where_te_says_so(fields, wants):
    assert head_of(*fields).wants_trailers is wants


def test_what_a_reader_remembers_of_names_is_bounded():
    reader = HeadReader(Limits(headers=100_000, header_bytes=100_000_000))
    for number in range(3000):
        fields = [(b"Host", b"h%d.test" % number), (b"X-%d" % number, b"")]
        assert reader.read("GET", "/", (1, 1), fields).lines == [b"X-%d: " % number]

    assert len(reader._names.known) <= 512
    assert len(reader._hosts) <= 1024


def test_what_a_reader_remembers_of_hosts_is_bounded_in_bytes():
    """Names that are too long are refused before they are remembered, whatever form the target has."""
    reader = HeadReader(Limits(target_bytes=100_000, header_bytes=100_000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(2000):
        good = b"%05d" % number + b"a" * 250
        assert reader.read("GET", "/", (1, 1), [(b"Host", good)]).host
        for long in (good + b"a", good + b".", b"a:%05d" % number + b"0" * 9999, b"[::%05d]" % number * 9):
            with pytest.raises(MalformedRequest):
                reader.read("GET", "/", (1, 1), [(b"Host", long)])
            with pytest.raises(MalformedRequest):
                reader.read("GET", f"http://{long.decode()}/", (1, 1), [(b"Host", b"a")])
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert after - before < 1024 * 1024


def test_a_field_that_is_repeated_costs_time_that_is_linear_in_the_header():
    """The fields are counted before the values of one name are joined."""
    with pytest.raises(HeadTooLarge):
        read([(b"Via", b"x" * 10) for _ in range(4)], Limits(headers=3))
