"""Routes whose credential goes elsewhere than into ``Authorization: Bearer``: what goes out, what comes back.

Rules:

- Exactly one credential of each name goes out, and it is ours, whatever the caller sent. The caller's header
  field of that name is stripped, in every spelling that folds to it. The caller's cookie of that name is cut
  out; all other cookies pass byte for byte. A query that names our parameter is refused, because nobody knows
  which of two values a server takes.
- If no part goes into ``Authorization``, the caller's own is kept beside the credential, unless the route
  says ``replace`` or ``reject``. If a part does, a kept one goes out instead of the whole credential, as on
  every other route.
- Our cookies come first: a quotation mark that the caller left open cannot swallow them.
- Responses do not set our cookies at the caller, and do not tell what was in the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.core.errors import QueryNotAllowed, TokenAnswerInvalid
from gateway.core.http.carriage import CannotCarry, Echoes, Rendered, rendered
from gateway.core.http.fields import folded
from gateway.core.http.lookalikes import cookie_set, cookies_without, name_key, query_has
from gateway.core.http.outbound import CallerFields, OutboundPlan
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.carriers import USUAL, InCookie, InHeader, InQuery
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.token import Token

_VERSION: Final = b" HTTP/1.1"
_COOKIE: Final = b"cookie"


class CarryingPlan(OutboundPlan):
    """What can be prepared for such a route before a request arrives, and for a token once.

    Attributes:
        has_query: a part of the credential goes into the query.
    """

    __slots__ = (
        "_carriers",
        "_cookies",
        "_drops_cookies",
        "_echoes",
        "_queries",
        "_rendered",
        "_sends_authorization",
        "_token",
        "has_query",
    )

    def __init__(self, settings: RouteSettings) -> None:
        super().__init__(settings)
        self._carriers = settings.send
        self._token: Token | None = None
        self._rendered: Rendered | None = None
        headers = frozenset(
            folded(each.name.encode()) for each in settings.send if isinstance(each, InHeader)
        )
        queries = [each.name for each in settings.send if isinstance(each, InQuery)]
        self._cookies = frozenset(name_key(each.name) for each in settings.send if isinstance(each, InCookie))
        self._queries = frozenset(map(name_key, queries))
        self.has_query = bool(queries)
        self._echoes = Echoes(queries) if queries else None
        self._sends_authorization = b"authorization" in headers
        self.may_keep = self._keeps and self._sends_authorization
        self._drops_cookies = _COOKIE in self._removed
        self._removed |= headers - {b"authorization"}
        if self._cookies:
            self._removed |= {_COOKIE}
        self._changes = bool(self._removed or self._allowed)

    def admit(self, head: RequestHead, *, is_local: bool = False) -> None:
        """Refuse what the route does not accept.

        Raises:
            ForeignPage, AuthorizationNotAllowed, BodyTooLarge, MalformedRequest, QueryNotAllowed.
        """
        super().admit(head, is_local=is_local)
        self.keeps_callers(head)  # raises if there are two
        target = head.target
        if not self._queries:
            return
        if target.path == "*":
            raise QueryNotAllowed("this route's credential is a query parameter, which `*` cannot have")
        if target.query and query_has(target.query, self._queries):
            raise QueryNotAllowed("the query has a parameter that carries the gateway's own credential here")

    def head(
        self, head: RequestHead, caller: CallerFields, token: Token | None, request_id: bytes
    ) -> list[bytes]:
        """Build the request line and the fields as `OutboundPlan.head` does, with the credential.

        Raises:
            MalformedRequest: see `keeps_callers`.
            TokenAnswerInvalid: the credential cannot be sent as the route says.
        """
        out = super().head(head, caller, None, request_id)
        made = self._made(token) if token is not None else None
        if made is not None and made.query:
            out[0] = _with_query(out[0], made.query)
        if made is not None and made.lines:
            out.append(made.lines)
        if self._cookies:
            cookies = self._callers_cookies(head)
            if made is not None:
                cookies.insert(0, made.cookies)
            if cookies:
                out.append(b"Cookie: " + b"; ".join(cookies))
        return out

    def answer_lines(self, lines: Sequence[bytes], token: Token | None) -> list[bytes]:
        """Return the lines of a response, or of its trailers, without what is ours alone."""
        kept = list(lines)
        if self._cookies:
            kept = [line for line in kept if cookie_set(line) not in self._cookies]
        if self._echoes is not None:
            echoes = self._made(token).echoes if token is not None else ()
            kept = [self._echoes.cut_out(line, echoes) for line in kept]
        return kept

    def cookies_set(self, lines: Sequence[bytes]) -> list[str]:
        """Return the values of those ``Set-Cookie`` fields of a response that set our cookies."""
        ours = (line for line in lines if cookie_set(line) in self._cookies)
        return [line.partition(b":")[2].strip().decode("latin-1") for line in ours]

    def _made(self, token: Token) -> Rendered:
        made = self._rendered
        if made is None or token is not self._token:
            try:
                made = rendered(self._carriers, token)
            except CannotCarry as flaw:
                raise TokenAnswerInvalid(self._blames_client(str(flaw))) from None
            self._token, self._rendered = token, made
        return made

    def _blames_client(self, flaw: str) -> str:
        grant = self.settings.grant
        assert grant is not None
        return f"client {grant.client}: {flaw}"

    def _callers_cookies(self, head: RequestHead) -> list[bytes]:
        """Return the values of the caller's ``Cookie`` fields, without the cookies that are ours."""
        if self._drops_cookies or _COOKIE in head.dropped:
            return []
        values = (line[7:].strip() for line in head.lines if line[:7].lower() == b"cookie:")
        return [kept for value in values if (kept := cookies_without(value, self._cookies))]

    def _passes_proof(self, head: RequestHead, token: Token | None) -> bool:
        """A proof goes with the caller's token: never beside one of ours in ``Authorization``."""
        is_beside_ours = self._sends_authorization and not self.keeps_callers(head)
        return not is_beside_ours and super()._passes_proof(head, token)


def _with_query(line: bytes, query: bytes) -> bytes:
    """Append parameters to the target of a request line, whose own bytes stay as they are."""
    start = line[: -len(_VERSION)]
    if b"?" not in start:
        return start + b"?" + query + _VERSION
    return start + (b"" if start.endswith((b"?", b"&")) else b"&") + query + _VERSION


def outbound_plan(settings: RouteSettings) -> OutboundPlan:
    """Return the plan of a route."""
    is_usual = settings.grant is None or settings.send == USUAL
    return OutboundPlan(settings) if is_usual else CarryingPlan(settings)
