"""Heads that are plain, or nearly so: the more alike they are, the more two readers of them could disagree."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.core.http.request_fields import NOTED, OVERRIDES, SPECIAL

ODD_BYTES = b'\x00\t\n\r \x0b\x0c\x1f\x7f\x80\xa0\xc3\xff:;,#"\\<>^`{|}_-.'
ODD_PARTS = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\r\n\t",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\r\n",
    b": ",
    b":",
    b"  ",
    b" \r\n",
    b"\0",
]
CHANGES = st.tuples(
    st.sampled_from(["insert", "replace", "delete", "double"]),
    st.integers(0, 1 << 16),
    st.one_of(
        st.sampled_from(ODD_PARTS),
        st.sampled_from([bytes([byte]) for byte in ODD_BYTES]),
        st.binary(max_size=2),
    ),
)
CUTS = st.lists(st.integers(0, 1 << 16), max_size=4)


def changed(data: bytes, change: tuple[str, int, bytes]) -> bytes:
    """`data` with one change of its bytes."""
    kind, place, part = change
    at = place % (len(data) + 1)
    match kind:
        case "insert":
            return data[:at] + part + data[at:]
        case "replace":
            return data[:at] + part + data[at + len(part) :]
        case "delete":
            return data[:at] + data[at + 1 :]
    return data[:at] + data[at : at + 8] + data[at:]


def one_of(*choices: tuple[int, list[bytes]]) -> st.SearchStrategy[bytes]:
    """One of the entries of the lists, each list as often as its number says."""
    return st.sampled_from([entry for count, entries in choices for entry in entries * count])


def lines_of(draw: st.DrawFn, start: bytes, fields: list[tuple[bytes, bytes]], odd: bool) -> bytes:
    """A head of these fields; an odd one has blanks and line ends that are not the usual ones."""
    colons = one_of((40, [b": "]), (1, [b":", b":  ", b":\t", b" : ", b" :", b"", b" ", b": \t"]))
    ends = one_of(
        (60, [b"\r\n"]), (1, [b"\n", b"\r", b" \r\n", b"\t\r\n", b"\r\n ", b"\r\n\t", b"\r\r\n", b"\n\r\n"])
    )
    parts = [start, draw(ends) if odd else b"\r\n"]
    for name, value in fields:
        parts += [name, draw(colons) if odd else b": ", value, draw(ends) if odd else b"\r\n"]
    return b"".join(parts) + b"\r\n"


def finished(draw: st.DrawFn, data: bytes) -> bytes:
    """`data`, mostly as it is, else with a change or two."""
    for change in draw(st.lists(CHANGES, max_size=2)) if draw(st.integers(0, 2)) == 0 else ():
        data = changed(data, change)
    return data


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────

PASSING = [b"Accept", b"accept", b"X-A", b"x-a", b"Cookie", b"Accept-Encoding", b"If-None-Match", b"Sec-WebSocket-Key",
           b"Content-Encoding", b"Priority", b"X!#$%&'*+-.^_`|~"]  # fmt: skip
SINGLE = [
    b"User-Agent",
    b"user-agent",
    b"Content-Type",
    b"ETag",
    b"etag",
    b"Server",
    b"Content-Range",
    b"Content-Location",
]
PLAIN = [b"Host", b"host", b"Authorization", b"authorization", b"Connection", b"connection", b"Via", b"X-Forwarded-For",
         b"x-forwarded-proto", b"X-Forwarded-Host", b"X-Request-ID", b"x-request-id", b"Origin", b"Sec-Fetch-Site"]  # fmt: skip
TWINS = [b"X_Forwarded_For", b"X.Forwarded.For", b"X-Forwarded_Host", b"Content_Length", b"Transfer.Encoding", b"Host_",
         b"X-Request_ID", b"AUTHORIZATION", b"X-Forwarded-Port", b"Con-nection"]  # fmt: skip
NEVER_MET = [
    b"X-New",
    b"x-A",
    b"",
    b" X-A",
    b"X A",
    b"X-A\t",
    b"\xc3\xa9",
    b"X:Y",
    b"(X)",
    b"X" * 70,
    b"Sec-WebSocket-Key1",
]
FORBIDDEN = sorted({name.title() for name in SPECIAL | OVERRIDES | NOTED} - set(PLAIN))
HOSTS = [b"gateway.test", b"gateway.test:80", b"A.test", b"[::1]:8080", b"127.0.0.1", b"a_b"]
ODD_HOSTS = [
    b"",
    b"new.test",
    b"a,b",
    b"user@gateway.test",
    b"gateway.test, gateway.test",
    b"a b",
    b"gateway.test:",
    b"[::1",
]
VALUES = [
    b"x",
    b"*/*",
    b"gzip, deflate, br",
    b"a: b",
    b":",
    b'"q"',
    b"keep-alive",
    b'W/"1"',
    b"~}{|",
    b"a b c",
    b"0",
]
ODD_VALUES = [b"", b" ", b"\t", b"a\tb", b"a  b", b" a", b"a ", b"\xc3\xa9", b"\x80", b"a\x00b", b"a\x7fb", b"x" * 3000,
              b"close", b"Keep-Alive", b"keep-alive, X-A", b"upgrade", b"te", b"5", b"chunked", b"gzip, chunked", b"100-continue",
              b"websocket", b"h2c"]  # fmt: skip
TARGETS = [
    b"/",
    b"/a",
    b"/a/b?c=d&e",
    b"/%41%zz",
    b"/a//b",
    b"/./a/../b",
    b"/;x",
    b"/?",
    b"/??",
    b"/a?b//",
    b"/~!$&'()*+,;=:@",
]
ODD_TARGETS = [b"//", b"//a.test/b", b"*", b"http://gateway.test/a", b"HTTP://A.test", b"http://gateway.test", b"/#", b"/a#b",
               b"/\\", b'/a"', b"/<>", b"/\xc3\xa9", b"/[", b"", b"a", b"gateway.test:80", b"/" + b"a" * 3000, b"/a b", b"/\t", b"/^`{|}"]  # fmt: skip
METHODS = [b"GET", b"HEAD", b"DELETE"]
ODD_METHODS = [
    b"get",
    b"POST",
    b"PUT",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"G",
    b"GETT",
    b"",
    b" GET",
    b"GET ",
    b"\r\nGET",
]
VERSIONS = [b"HTTP/1.1"]
ODD_VERSIONS = [
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.2",
    b"http/1.1",
    b"HTTP/1.1 ",
    b" HTTP/1.1",
    b"HTTP/1.11",
    b"",
    b"HTTP/01.1",
]
TAILS = one_of(
    (30, [b""]),
    (1, [b"x", b"\r\n", b"\n", b"\0", b"GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n", b"0\r\n\r\n"]),
)
MET = [name for name in {*PASSING, *SINGLE, *PLAIN, *TWINS, *FORBIDDEN} if name]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is plain, or has an oddity or a few."""
    odd = draw(st.booleans())
    names = one_of(
        (12, PASSING), (12, PLAIN[2:]), (6, SINGLE), *([(1, [*TWINS, *NEVER_MET, *FORBIDDEN])] if odd else [])
    )
    values = one_of((30, VALUES), *([(1, ODD_VALUES)] if odd else []))
    fields = draw(
        st.lists(st.tuples(names, values), max_size=5, unique_by=None if odd else lambda f: f[0].lower())
    )
    fields = [
        (name, b"keep-alive" if name.lower() == b"connection" and not odd else value)
        for name, value in fields
    ]
    hosts = st.tuples(st.sampled_from(PLAIN[:2]), one_of((20, HOSTS), *([(1, ODD_HOSTS)] if odd else [])))
    for host in draw(st.lists(hosts, min_size=0 if odd else 1, max_size=2 if odd else 1)):
        fields.insert(draw(st.integers(0, len(fields))), host)
    start = (
        draw(one_of((20, METHODS), *([(1, ODD_METHODS)] if odd else [])))
        + draw(one_of((60, [b" "]), *([(1, [b"  ", b"\t", b""])] if odd else [])))
        + draw(one_of((10, TARGETS), *([(1, ODD_TARGETS)] if odd else [])))
        + draw(one_of((60, [b" "]), *([(1, [b"  ", b"\t", b""])] if odd else [])))
        + draw(one_of((60, VERSIONS), *([(1, ODD_VERSIONS)] if odd else [])))
    )
    return finished(draw, lines_of(draw, start, fields, odd) + (draw(TAILS) if odd else b""))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────

ANSWER_NAMES = [b"Content-Type", b"content-type", b"Server", b"ETag", b"Set-Cookie", b"X-A", b"Date", b"date", b"Keep-Alive",
                b"Connection", b"Vary", b"WWW-Authenticate"]  # fmt: skip
ODD_ANSWER_NAMES = [b"Transfer-Encoding", b"Content-Length", b"content-length", b"Content_Length", b"Trailer", b"TE", b"Upgrade",
                    b"Proxy-Connection", b"Proxy-Authenticate", b"X-New", b"", b"X A", b" X-A", b"X:Y", b"\x80"]  # fmt: skip
ANSWERS_MET = [*ANSWER_NAMES, *(name for name in ODD_ANSWER_NAMES[:9])]
STATUSES = [
    b"200 OK",
    b"404 Not Found",
    b"500 Internal Server Error",
    b"201 Created",
    b"401 Unauthorized",
    b"299 x: y",
    b"205 Reset",
]
ODD_STATUSES = [b"200", b"200 ", b"200  OK", b"204 No Content", b"304 Not Modified", b"100 Continue", b"103 Early", b"101 Switching",
                b"099 x", b"999 x", b"2000 OK", b"20 OK", b"200 \xc3\xa9", b"200 a\tb", b"200\tOK", b"+20 OK", b"2\xb20 OK"]  # fmt: skip
ODD_STARTS = [
    b"HTTP/1.0 ",
    b"HTTP/1.1  ",
    b"http/1.1 ",
    b"HTTP/1.1",
    b"HTTP/2.0 ",
    b"ICY ",
    b"\r\nHTTP/1.1 ",
    b" HTTP/1.1 ",
]
BODIES = [b"", b"hello", b"x" * 300, b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
ANSWER_TAILS = one_of(
    (20, [b""]),
    (1, [b"x", b"\r\n", b"\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"]),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer that is plain, or has an oddity or a few; sometimes with bytes behind its body."""
    odd = draw(st.booleans())
    names = one_of((12, ANSWER_NAMES), *([(1, ODD_ANSWER_NAMES)] if odd else []))
    values = one_of((30, VALUES), *([(1, ODD_VALUES)] if odd else []))
    fields = draw(
        st.lists(st.tuples(names, values), max_size=4, unique_by=None if odd else lambda f: f[0].lower())
    )
    fields = [
        (name, b"keep-alive" if name.lower() == b"connection" and not odd else value)
        for name, value in fields
    ]
    body = draw(st.sampled_from(BODIES))
    length = b"%d" % len(body)
    lengths = one_of(
        (20, [length]),
        *(
            [
                (
                    1,
                    [
                        b"0" + length,
                        b"+" + length,
                        b"",
                        b"x",
                        length + b" ",
                        b"9" * 15,
                        b"9" * 16,
                        b"9" * 25,
                        length + b", " + length,
                    ],
                )
            ]
            if odd
            else []
        ),
    )
    for value in draw(st.lists(lengths, min_size=0 if odd else 1, max_size=2 if odd else 1)):
        name = draw(st.sampled_from([b"Content-Length", b"content-length"]))
        fields.insert(draw(st.integers(0, len(fields))), (name, value))
    start = draw(one_of((20, [b"HTTP/1.1 "]), *([(1, ODD_STARTS)] if odd else [])))
    start += draw(one_of((6, STATUSES), *([(1, ODD_STATUSES)] if odd else [])))
    return finished(draw, lines_of(draw, start, fields, odd) + body + (draw(ANSWER_TAILS) if odd else b""))
