"""What a caller's request head says, read once.

Rules: fields that pass are formatted for sending while they are read. Fields that the gateway decides by,
sets itself or must not pass are kept apart in `special`. RFC 9110 sections 7.2, 7.6.1, 7.8, 10.1.1; RFC 9112
sections 3.2, 6.1, 6.3.

Which fields those are, stands in `core.http.request_fields`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gateway.core.errors import (
    ExpectationFailed,
    HeadTooLarge,
    MalformedRequest,
    MethodUnsupported,
    TargetTooLong,
    TransferCodingUnsupported,
    VersionUnsupported,
)
from gateway.core.http.fields import folded, options
from gateway.core.http.host import host_of
from gateway.core.http.plain_head import KEPT_BYTES, PlainFieldNames, plain_lines
from gateway.core.http.request_fields import NOTED, OVERRIDES, PLAIN, SPECIAL
from gateway.core.http.target import Target, read_target
from gateway.core.settings.all_settings import Limits

RawHeaders = Collection[tuple[bytes, bytes]]

# Connection options whose fields never pass anyway.
_KNOWN_OPTIONS: Final = frozenset({b"close", b"http2-settings", b"keep-alive", b"te", b"upgrade"})
_NOTHING: Final[frozenset[bytes]] = frozenset()
_LENGTH_DIGITS: Final = 18  # below 2**63
_PLAIN_METHODS: Final = {b"GET": "GET", b"HEAD": "HEAD", b"DELETE": "DELETE"}
_END_OF_LINE: Final = b" HTTP/1.1"
_PLAIN_TARGET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%"
# Changes every other byte; a quarter of the time of deleting these to see whether anything is left.
_ONLY_PLAIN: Final = bytes(byte if byte in _PLAIN_TARGET else byte ^ 0xFF for byte in range(0x100))
_HOSTS_KEPT: Final = 1024  # each at most 255 bytes and a port: less than half a MiB


class RequestHead:
    """A caller's request head. Mutable only to be cheap: it does not change after `HeadReader.read`.

    Attributes:
        method: as received.
        path, query, target_authority: those of `Target`, its authority as `target_authority`.
        host: in lower case, without the port; may be empty.
        authority: the host as received, with its port; for ``Host`` and ``X-Forwarded-Host``.
        lines: fields that pass, each as ``Name: value``.
        special: fields that need a decision or affect one, lower-case name -> value; repeated ones are
            joined.
        dropped: names that ``Connection`` lists beyond the known ones, folded.
        max_forwards: of an OPTIONS request (RFC 9110 section 7.6.2), else None.
        content_length: of the body, or None when it is chunked or there is none.
        is_chunked, is_http10, expects_continue, wants_trailers: claims.
        repeats_authorization: the field is not a list (RFC 9110 section 5.3), so the request is ambiguous.
        offers_upgrade: an upgrade was offered; any but WebSocket is ignored.
        wants_websocket: it is WebSocket alone (`core.http.websocket`).
        plain_fields: the fields of a plain head, to compare with those of the next one.
        line: the request line of a plain head.
    """

    # Not slotted: a default in the class costs nothing, but reading it costs more than eight that were set.
    host: str = ""
    authority: bytes = b""
    expects_continue = False
    repeats_authorization = False
    target_authority: str | None = None
    line: bytes | None = None
    plain_fields: PlainFields | None = None

    def __init__(
        self, method: str, path: str, query: str, lines: list[bytes], special: dict[bytes, bytes]
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.lines = lines
        self.special = special
        self.dropped: frozenset[bytes] = _NOTHING
        self.content_length: int | None = None
        self.max_forwards: int | None = None
        self.is_http10 = self.is_chunked = False
        self.wants_trailers = self.offers_upgrade = self.wants_websocket = False

    @property
    def target(self) -> Target:
        """The parts of the target; most requests need no object for them."""
        return Target(self.path, self.query, self.target_authority)


class SentFields:
    """What was made of the fields of a plain head for an upstream; it depends on nothing else.

    Attributes:
        plan, caller: for whose route, and for whom as a caller.
        start, end: the lines that go out, before and after the value of ``X-Request-ID``.
    """

    __slots__ = ("caller", "end", "plan", "start")

    def __init__(self, plan: object, caller: object, start: bytes, end: bytes) -> None:
        self.plan = plan
        self.caller = caller
        self.start = start
        self.end = end


class PlainFields:
    """The fields of a plain head; they do not change.

    Attributes:
        names: what sorted them.
        block: their bytes, from the end of the request line to the end of the head.
        lines, special, authority, host: those of `RequestHead`.
        note: what whoever lets callers in knows about the last request with these fields.
        admitted: the plan that admitted the last request with them.
        are_repeated: more than one request of the connection had them.
        sent: what was made of them for the last of these requests.
    """

    __slots__ = (
        "admitted",
        "are_repeated",
        "authority",
        "block",
        "host",
        "lines",
        "names",
        "note",
        "sent",
        "special",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - one for each block that is read
        self,
        names: PlainFieldNames,
        block: bytes,
        lines: list[bytes],
        special: dict[bytes, bytes],
        authority: bytes,
        host: str,
    ) -> None:
        self.names = names
        self.block = block
        self.lines = lines
        self.special = special
        self.authority = authority
        self.host = host
        self.note: object = None
        self.admitted: object = None
        self.are_repeated = False
        self.sent: SentFields | None = None


class HeadReader:
    """Reads request heads, and remembers the field names and hosts it has seen (bounded).

    `credentials` are names of further fields that never pass unless a route says so, folded.
    """

    def __init__(self, limits: Limits, credentials: frozenset[bytes] = _NOTHING) -> None:
        self._hosts: dict[bytes, str] = {}
        self._credentials = credentials
        self._names = _field_names(credentials)
        self._limits = limits
        self._plain_bytes = min(limits.target_bytes, limits.header_bytes)

    def go_on(self, limits: Limits, credentials: frozenset[bytes]) -> None:
        """Read the next heads under these, on whatever connection they arrive."""
        self._limits = limits
        self._plain_bytes = min(limits.target_bytes, limits.header_bytes)
        if credentials != self._credentials:
            self._credentials = credentials
            self._names = _field_names(credentials)

    def read(
        self,
        method: str,
        target: str,
        version: tuple[int, int],
        fields: RawHeaders,
        *,
        is_small: bool = False,
    ) -> RequestHead:
        """Read a head that the parser found well formed; `is_small`: it is known not to be too large.

        Raises:
            CallerError: the request cannot be served; each class is one reason.
        """
        if version != (1, 1) and version != (1, 0):  # noqa: PLR1714 - no tuple
            raise VersionUnsupported("the request is neither HTTP/1.0 nor HTTP/1.1")
        if method in ("CONNECT", "TRACE"):
            raise MethodUnsupported(f"{method} is not supported")
        limits = self._limits
        if len(target) > limits.target_bytes:
            raise TargetTooLong(f"the request target exceeds {limits.target_bytes} bytes")
        if len(fields) > limits.headers:
            raise HeadTooLarge(f"the header has more than {limits.headers} fields")
        lines, special = self._names.sort(fields)
        if not is_small and sum(map(len, lines)) + sum(map(len, special.values())) > limits.header_bytes:
            raise HeadTooLarge(f"the header exceeds {limits.header_bytes} bytes")
        parts = read_target(target)
        head = RequestHead(method, parts.path, parts.query, lines, special)
        head.target_authority = parts.authority
        head.is_http10 = version[1] == 0
        self._read_host(head)
        if len(head.special) > 1 or b"host" not in head.special:
            head.repeats_authorization = _repeats_authorization(head.special, fields)
            _read_special(head)
        return head

    def read_plain(self, data: bytes, before: PlainFields | None = None) -> RequestHead | None:
        """Read a complete plain head (`plain_head`) as `read` would; None if a parser must read it.

        Its method has no body, its target is a path, and its host was seen before. Nothing in it concerns
        framing, and no more than ``Connection: keep-alive`` the connection. Most callers repeat their fields
        in every request: `before` are those of the connection's last plain head.
        """
        end = data.find(b"\r\n")
        if end < len(_END_OF_LINE) or len(data) > self._plain_bytes:
            return None
        line, block = data[:end], data[end:]
        if not line.endswith(_END_OF_LINE):
            return None
        name, blank, path = line[: -len(_END_OF_LINE)].partition(b" /")
        method = _PLAIN_METHODS.get(name) if blank else None
        # There is no blank or line end in the rest of the target, nor is it the beginning of an authority.
        if method is None or path.translate(_ONLY_PLAIN) != path or path[:1] == b"/":
            return None
        fields = before
        if fields is not None and fields.block == block and fields.names is self._names:
            fields.are_repeated = True
        else:
            fields = self._plain_fields(block)
            if fields is None:
                return None
        text, mark, query = ("/" + path.decode("ascii")).partition("?")
        head = RequestHead(method, text, mark + query, fields.lines, fields.special)
        head.line = line
        head.authority = fields.authority
        head.host = fields.host
        if fields is before or len(block) <= KEPT_BYTES:
            head.plain_fields = fields
        return head

    def _plain_fields(self, block: bytes) -> PlainFields | None:
        """Read what follows the request line; None if a parser must read it."""
        lines = plain_lines(block)
        if lines is None or lines[0] or len(lines) > self._limits.headers:
            return None
        del lines[0]  # nothing precedes the line end of the request line
        fields = self._names.sort_plain(lines)
        if fields is None:
            return None
        special = fields[1]
        authority = special.get(b"host")
        host = self._hosts.get(authority) if authority is not None else None
        if authority is None or host is None or special.get(b"connection", b"keep-alive") != b"keep-alive":
            return None
        return PlainFields(self._names, block, fields[0], special, authority, host)

    def _read_host(self, head: RequestHead) -> None:
        """RFC 9112 section 3.2: an absolute-form target replaces Host; HTTP/1.0 may omit it."""
        authority = head.target_authority
        head.authority = head.special.get(b"host", b"") if authority is None else authority.encode("latin-1")
        host = self._hosts.get(head.authority)
        if host is None:
            host = host_of(head.authority)
            if len(self._hosts) >= _HOSTS_KEPT:
                self._hosts.clear()
            self._hosts[head.authority] = host
        head.host = host


def _field_names(credentials: frozenset[bytes]) -> PlainFieldNames:
    return PlainFieldNames(SPECIAL | OVERRIDES | credentials, PLAIN | credentials, b"x-forwarded-", NOTED)


def _repeats_authorization(special: dict[bytes, bytes], fields: RawHeaders) -> bool:
    return b"authorization" in special and sum(name.lower() == b"authorization" for name, _ in fields) > 1


def _read_special(head: RequestHead) -> None:
    special = head.special
    if head.method == "OPTIONS" and b"max-forwards" in special:
        value = special[b"max-forwards"]
        head.max_forwards = int(value) if value.isdigit() and len(value) <= _LENGTH_DIGITS else None
    if b"transfer-encoding" in special or b"content-length" in special:
        _read_framing(head)
    if b"connection" in special:
        _read_connection(head, options(special[b"connection"]))
    if b"expect" in special and not head.is_http10:
        # RFC 9110 section 10.1.1: an HTTP/1.0 caller's expectation is ignored.
        if special[b"expect"].lower() != b"100-continue":
            raise ExpectationFailed("the only expectation supported is 100-continue")
        head.expects_continue = True


def _read_framing(head: RequestHead) -> None:
    """RFC 9112 sections 6.1 and 6.3: one framing field, with one meaning."""
    coding = head.special.get(b"transfer-encoding")
    length = head.special.get(b"content-length")
    if coding is None:
        assert length is not None
        if not length.isdigit() or len(length) > _LENGTH_DIGITS:
            raise MalformedRequest("Content-Length is not a single number")
        head.content_length = int(length)
        return
    if length is not None or head.is_http10:
        raise MalformedRequest("Transfer-Encoding was sent together with Content-Length, or in HTTP/1.0")
    if coding.lower() != b"chunked":
        raise TransferCodingUnsupported("the only transfer coding supported is a single chunked")
    head.is_chunked = True


def _read_connection(head: RequestHead, listed: frozenset[bytes]) -> None:
    if b"upgrade" in listed and b"upgrade" in head.special:
        head.wants_websocket = head.special[b"upgrade"].lower() == b"websocket" and not head.is_http10
        head.offers_upgrade = True
    if b"te" in listed and b"te" in head.special:
        head.wants_trailers = b"trailers" in options(head.special[b"te"])
    head.dropped = frozenset(map(folded, listed - _KNOWN_OPTIONS))
