"""The outgoing request: built from what is allowed, with the token injected last.

Rules: strip first, inject last. Exactly one ``Authorization`` goes out where a token is injected. The gateway
writes the one framing field itself. Path and query pass byte for byte. RFC 9110 sections 7.6.1 and 7.6.3,
RFC 9112 section 3.

The caller's ``DPoP`` proves something about the token beside it (RFC 9449 section 7.1), so it goes where the
caller's ``Authorization`` goes, and never with a token of ours. If the caller sent no ``Authorization`` and
none is injected, the proof may belong to a token request (section 5), and passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.core.dpop import without_query
from gateway.core.errors import AuthorizationNotAllowed, BodyTooLarge, MalformedRequest
from gateway.core.http.fields import folded, line, without
from gateway.core.http.foreign import NO_ORIGINS, USUAL_HOSTS, refuse_foreign_page
from gateway.core.http.request_head import RequestHead, SentFields
from gateway.core.http.target import Target
from gateway.core.settings.proxies import NO_PROXIES, TrustedProxies
from gateway.core.settings.route_settings import CallerAuthorization, HeaderRules, RouteSettings
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.token import Token

_CRLF: Final = b"\r\n"
UNKNOWN: Final = b"unknown"
_VIA: Final = b"1.1 gateway"
_VIA_10: Final = b"1.0 gateway"
_REQUEST_ID_BYTES: Final = 128
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_LAST: Final = frozenset({b"dpop", b"max-forwards", b"te"})
"""Fields that `OutboundPlan.head` decides about last."""
_REQUEST_ID: Final = b"X-Request-ID: "
_PREFIX: Final = b"x-forwarded-prefix"


@dataclass(frozen=True, slots=True)
class CallerFields:
    """What every request of a connection says about its caller.

    Attributes:
        address: the peer's address in ASCII; IPv6 without brackets, as is usual in X-Forwarded-For;
            `UNKNOWN` (RFC 7239 section 6.2) on a unix socket.
        proto: ``http`` or ``https``, as the caller connected.
        is_trusted: the peer is in ``trusted_proxies``; what it says about its own callers is kept.
        is_local: it connected to a loopback address, which any web page can reach through a local browser.
        is_unix: it connected over a unix socket, where nobody has an address.
        proxies: the trusted proxies.
        certificate: the one that it presented and that its listener verified, in DER; None: none.
        lines: the forwarded fields, ready for a request that brings none of its own.
        name: the address as it appears in records.
    """

    address: bytes
    proto: bytes
    is_trusted: bool
    is_local: bool = False
    is_unix: bool = False
    proxies: TrustedProxies = NO_PROXIES
    certificate: bytes | None = field(default=None, repr=False)
    lines: bytes = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        told = (b"X-Forwarded-For: " + self.address, b"X-Forwarded-Proto: " + self.proto, b"Via: " + _VIA)
        object.__setattr__(self, "lines", _CRLF.join(told))
        name = "unix" if self.is_unix else self.address.decode("ascii")
        object.__setattr__(self, "name", name)

    def client_behind(self, head: RequestHead) -> str:
        """Return the address of the client that a trusted peer reports, or an empty string."""
        told = head.special.get(b"x-forwarded-for") if self.is_trusted else None
        return self.proxies.client_behind(told) if told is not None else ""


class OutboundPlan:
    """What can be prepared for a route before a request arrives.

    Attributes:
        may_keep: the route forwards the caller's own ``Authorization`` instead of a token, if there is one.
    """

    __slots__ = (
        "_added",
        "_allowed",
        "_base",
        "_changes",
        "_cut",
        "_host",
        "_keeps",
        "_origins",
        "_passes_target",
        "_prefix",
        "_refuses_pages",
        "_removed",
        "_scheme",
        "may_keep",
        "settings",
    )

    def __init__(self, settings: RouteSettings) -> None:
        self.settings = settings
        rules = settings.request_headers
        self._base = settings.base_path
        self._cut = len(settings.path) if settings.strips_prefix and settings.path != "/" else 0
        self._passes_target = not (self._base or self._cut)
        self._host = None if settings.preserves_host else line("Host", settings.upstream.authority)
        self._scheme = "https" if settings.upstream.scheme is Scheme.HTTPS else "http"
        self._removed = removed_names(rules)
        self._prefix = _stripped(settings, rules, self._removed)
        self._added = (*added_lines(rules), *self._prefix)
        self._refuses_pages = settings.refuses_foreign_pages
        cors = settings.gate.cors
        self._origins = frozenset(one.encode() for one in cors.origins) if cors is not None else NO_ORIGINS
        self.may_keep = self._keeps = settings.authorization is CallerAuthorization.KEEP
        self._allowed = tuple(
            (name.lower().encode("ascii"), line(name, "")) for name in (*rules.allow, *settings.passes)
        )
        self._changes = bool(self._removed or self._allowed)

    def target(self, target: Target) -> str:
        """Return path and query for the upstream."""
        if target.path == "*":
            return target.path
        path = self._base + (target.path[self._cut :] if self._cut else target.path)
        return (path if path[:1] == "/" else "/" + path) + target.query

    def uri(self, head: RequestHead) -> str:
        """Return the target URI without its query, as the upstream reconstructs it from the request.

        RFC 9112 section 3.3: scheme, ``Host`` and path; ``*`` stands for no path. If the caller's host should
        be preserved but is missing, the upstream's own name is the best guess at its default.
        """
        authority = self.settings.upstream.authority
        if self.settings.preserves_host and head.authority:
            authority = head.authority.decode("latin-1")
        target = self.target(head.target)
        return f"{self._scheme}://{authority}{without_query(target) if target != '*' else ''}"

    def admit(self, head: RequestHead, *, is_local: bool = False) -> None:
        """Refuse what the route does not accept; `is_local` is that of `CallerFields`.

        Raises:
            ForeignPage, AuthorizationNotAllowed, BodyTooLarge.
        """
        fields = head.plain_fields
        if fields is not None and fields.admitted is self:
            return  # the same fields came from the same caller: nothing else is looked at here
        settings, special = self.settings, head.special
        # Most requests have nothing to check here: a quick way past.
        if (
            is_local
            and self._refuses_pages
            and (head.host not in USUAL_HOSTS or b"origin" in special or b"sec-fetch-site" in special)
        ):
            refuse_foreign_page(head, settings.host, self._origins)
        if b"authorization" in special and settings.authorization is CallerAuthorization.REJECT:
            raise AuthorizationNotAllowed("this route does not accept an Authorization from the caller")
        limit = settings.max_body_bytes
        if limit is not None and head.content_length is not None and head.content_length > limit:
            raise BodyTooLarge(f"this route accepts a body of at most {limit} bytes")
        if fields is not None:
            fields.admitted = self

    def keeps_callers(self, head: RequestHead) -> bool:
        """Whether the caller's own ``Authorization`` goes out.

        Raises:
            MalformedRequest: it would, but there is more than one.
        """
        if not self._keeps:
            return False
        if b"authorization" not in head.special or b"authorization" in head.dropped:
            return False
        if head.repeats_authorization:
            raise MalformedRequest("the request has more than one Authorization")
        return True

    def head(
        self, head: RequestHead, caller: CallerFields, token: Token | None, request_id: bytes
    ) -> list[bytes]:
        """Build the request line and the fields, without framing; the last one has no line end.

        Raises:
            MalformedRequest: see `keeps_callers`.
        """
        line, special = head.line, head.special
        if line is None or not self._passes_target:
            line = f"{head.method} {self.target(head.target)} HTTP/1.1".encode("latin-1")
        fields = head.plain_fields
        sent = fields.sent if fields is not None else None
        is_prepared = sent is not None and sent.plan is self and sent.caller is caller
        if sent is not None and is_prepared:
            out = [line, sent.start + request_id + sent.end]
        else:
            before, after = self._fields(head, caller)
            out = [line, *before, _REQUEST_ID + request_id, *after]
            if fields is not None and fields.are_repeated and special.keys().isdisjoint(_LAST):
                start = _CRLF.join((*before, _REQUEST_ID))
                fields.sent = SentFields(self, caller, start, _CRLF + _CRLF.join(after))
        if self._keeps and self.keeps_callers(head):
            out.append(b"Authorization: " + special[b"authorization"])
        elif token is not None:
            out.append(b"Authorization: " + token.field_value)
        if is_prepared:
            return out
        if b"dpop" in special and self._passes_proof(head, token):
            out.append(b"DPoP: " + special[b"dpop"])
        if b"max-forwards" in special:
            out.append(b"Max-Forwards: " + _fewer_forwards(head))
        if head.wants_trailers:
            out.append(b"TE: trailers\r\nConnection: TE")
        return out

    def _fields(self, head: RequestHead, caller: CallerFields) -> tuple[list[bytes], list[bytes]]:
        """Build the fields before the request's id, and those after it that say who calls."""
        lines, special = head.lines, head.special
        if head.dropped or self._changes:
            lines = lines + [start + special[name] for name, start in self._allowed if name in special]
            lines = without(lines, head.dropped | self._removed)
        before = [self._host or b"Host: " + head.authority, *lines, *self._added]
        if not (caller.is_trusted or head.is_http10 or b"via" in special) and head.authority:
            return before, [b"X-Forwarded-Host: " + head.authority, caller.lines]
        after = _forwarded(head, caller, self._removed)
        if self._prefix and caller.is_trusted and _PREFIX in special:
            _put_before(before, after, special[_PREFIX], self._prefix[0])
        return before, after

    def _passes_proof(self, head: RequestHead, token: Token | None) -> bool:
        if b"dpop" in head.dropped or b"dpop" in self._removed:
            return False
        if self.keeps_callers(head):
            return True
        return token is None and b"authorization" not in head.special


def framing_lines(head: RequestHead) -> tuple[bytes, ...]:
    """Return the one field that frames the body, if the request has a body."""
    if head.is_chunked:
        return (b"Transfer-Encoding: chunked",)
    return () if head.content_length is None else (b"Content-Length: %d" % head.content_length,)


def expectation_lines(head: RequestHead) -> tuple[bytes, ...]:
    """Return what asks the upstream for an invitation to send the body (RFC 9110 section 10.1.1)."""
    has_body = head.is_chunked or bool(head.content_length)
    return (b"Expect: 100-continue",) if head.expects_continue and has_body else ()


def added_lines(rules: HeaderRules) -> tuple[bytes, ...]:
    """Return the lines that header rules add."""
    return tuple(line(name, value) for name, value in (*rules.set, *rules.add))


def removed_names(rules: HeaderRules) -> frozenset[bytes]:
    """Return the names that header rules remove; a field that is set is first removed, in any spelling."""
    return frozenset(
        folded(name.encode("ascii")) for name in (*rules.remove, *(name for name, _ in rules.set))
    )


def _stripped(settings: RouteSettings, rules: HeaderRules, removed: frozenset[bytes]) -> tuple[bytes, ...]:
    """Return the line that says which prefix was stripped, unless the route's rules decide about it."""
    is_ruled = _PREFIX in removed or any(name.lower() == "x-forwarded-prefix" for name, _ in rules.add)
    if is_ruled or not settings.strips_prefix or settings.path == "/":
        return ()
    return (line("X-Forwarded-Prefix", settings.path),)


def _put_before(lines: list[bytes], forwarded: list[bytes], before: bytes, ours: bytes) -> None:
    """Write one prefix for what the proxies before us and the route stripped, in this order.

    Spring reads a list as one path, others take its last element: one path means the same to all.
    """
    told = _PREFIX + b": " + before
    if told in forwarded:
        forwarded.remove(told)
    name, _, path = ours.partition(b": ")
    lines[lines.index(ours)] = name + b": " + _one_prefix(before) + path


def _one_prefix(value: bytes) -> bytes:
    parts = (part.strip(b" \t").rstrip(b"/") for part in value.split(b","))
    return b"".join(part for part in parts if part[:1] == b"/")


def stripped_before(head: RequestHead, caller: CallerFields) -> bytes:
    """Return the prefix that trusted proxies before us stripped from the path; empty if none is known."""
    told = head.special.get(_PREFIX) if caller.is_trusted else None
    return b"" if told is None else _one_prefix(told)


def _forwarded(head: RequestHead, caller: CallerFields, removed: frozenset[bytes]) -> list[bytes]:
    """X-Forwarded-* and Via: what the peer says counts only if it is a trusted proxy."""
    special = head.special
    via = _VIA_10 if head.is_http10 else _VIA
    if b"via" in special:
        via = special[b"via"] + b", " + via
    address, proto, host = caller.address, caller.proto, head.authority
    kept: list[bytes] = []
    if caller.is_trusted:
        if before := special.get(b"x-forwarded-for"):
            # A peer on a unix socket has no address to append: its list passes unchanged.
            address = before if caller.is_unix else before + b", " + address
        proto = special.get(b"x-forwarded-proto", proto)
        host = special.get(b"x-forwarded-host", host)
        kept = without(_other_forwarded(special), removed)
    out = [b"X-Forwarded-For: " + address, b"X-Forwarded-Proto: " + proto, b"Via: " + via, *kept]
    if host:
        out.append(b"X-Forwarded-Host: " + host)
    return out


_REWRITTEN: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


def _other_forwarded(special: dict[bytes, bytes]) -> list[bytes]:
    """What a trusted proxy says beyond the three fields that we write: passed unchanged."""
    return [
        name + b": " + value
        for name, value in special.items()
        if name in (b"forwarded", b"x-real-ip")
        or (name.startswith(b"x-forwarded-") and name not in _REWRITTEN and name == folded(name))
    ]


def _fewer_forwards(head: RequestHead) -> bytes:
    """RFC 9110 section 7.6.2: decremented for OPTIONS only."""
    value = head.special[b"max-forwards"]
    return b"%d" % (head.max_forwards - 1) if head.max_forwards else value


def request_id(head: RequestHead, made: bytes) -> bytes:
    """Return the caller's X-Request-ID if it is visible ASCII of a reasonable length, else `made`."""
    given = head.special.get(b"x-request-id")
    if given is None or not 0 < len(given) <= _REQUEST_ID_BYTES:
        return made
    return made if given.translate(None, _VISIBLE) else given
