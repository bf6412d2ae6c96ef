"""Names and words of HTTP and OAuth: a text -> the same text, or why it is refused."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Final

from gateway.config.problems import Wrong
from gateway.config.template import TAKEN_NAME
from gateway.core.http.fields import folded
from gateway.core.http.request_fields import OVERRIDES, SPECIAL
from gateway.core.settings.client_settings import GrantType
from gateway.core.settings.identity_jwt import OWN_CLAIMS
from gateway.core.text.json_condition import ANYTHING, Presence, Scalar
from gateway.core.text.json_pointer import BadPointer, JsonPointer, read_pointer
from gateway.core.text.plain_text import text

_CLIENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
GROUP: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_GRANT_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}|[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]{1,250}")
_NEAR: Final = 0.9

_OURS: Final = frozenset(
    {
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "scope",
        "audience",
        "resource",
    }
)
_OUR_CLAIMS: Final = frozenset(("iss", "sub", "aud", "jti", "iat", "exp"))
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    }
)
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))
_OF_THE_GATEWAY: Final = frozenset(
    ("via", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
)
_KEPT_APART: Final = frozenset(map(folded, SPECIAL | OVERRIDES))
_WITH_A_MEANING: Final = frozenset(
    (
        *("accept", "content-encoding", "content-type", "cookie", "date", "expect", "forwarded"),
        *("max-forwards", "origin", "range", "referer", "user-agent", "x-real-ip"),
    )
)
_OF_A_STEP: Final = frozenset(("host", "accept-encoding"))
_TAKEN: Final = re.compile(TAKEN_NAME, re.ASCII)
_OF_A_TOKEN_REQUEST: Final = frozenset(("host", "authorization", "content-type", "accept-encoding", "dpop"))


def claim(value: str) -> str:
    """Accept the name of an additional claim of an assertion."""
    if value in _OUR_CLAIMS:
        raise Wrong("the gateway sets this claim: use the corresponding key instead")
    return text(value)


def identity_claim(value: str) -> str:
    """Accept the name of a claim of the caller that its upstream is told."""
    if value in OWN_CLAIMS:
        raise Wrong("the gateway sets this claim itself: remove it")
    return text(value)


def client_name(value: str) -> str:
    """Accept what is safe in a label, a log line and on a command line."""
    if not _CLIENT.fullmatch(value):
        raise Wrong("a client's name consists of at most 64 letters, digits, `_`, `-` and `.`")
    return value


def claim_value(value: object) -> str | int:
    """Accept what a claim of a caller is compared with: text, a whole number, true or false."""
    if isinstance(value, int):  # a boolean, too
        return value
    if not isinstance(value, str):
        raise Wrong("expected text, a whole number, true or false, or a list of these")
    return text(value)


def way_name(value: str) -> str:
    """Accept the name of a way to know callers: it is safe where a client's is."""
    if not _CLIENT.fullmatch(value):
        raise Wrong("a name under `callers` consists of at most 64 letters, digits, `_`, `-` and `.`")
    return value


def limit_name(value: str) -> str:
    """Accept the name of a limit: it is safe in a structured field (RFC 9651 section 3.3.3)."""
    if not _CLIENT.fullmatch(value):
        raise Wrong("a limit's name consists of at most 64 letters, digits, `_`, `-` and `.`")
    return value


def group_name(value: str) -> str:
    """Accept the name of a group of upstream addresses: a route cannot take it for a host or a URL."""
    if not GROUP.fullmatch(value) or value == "localhost":
        raise Wrong(
            "a name under `upstreams` consists of at most 64 letters, digits, `_` and `-`, without dots"
        )
    return value


def hashed_field_name(value: str) -> str:
    """Accept the field of a request whose value chooses its address; only fields that are forwarded do."""
    name = field_name(value)
    plain = folded(name.encode())
    if plain in _KEPT_APART or plain.startswith(b"x-forwarded-"):
        raise Wrong("this field does not reach an upstream as the caller sends it: name another one")
    return name


def scope_token(value: str) -> str:
    """Accept one word of a scope (RFC 6749 section 3.3)."""
    if not _SCOPE_TOKEN.fullmatch(value):
        raise Wrong('a scope consists of words of visible ASCII except " and \\, separated by single spaces')
    return value


def method(value: str) -> str:
    """Accept a method; methods are case-sensitive (RFC 9110 section 9.1)."""
    if not _TOKEN.fullmatch(value):
        raise Wrong("expected a method such as GET")
    if value != value.upper():
        raise Wrong("methods are case-sensitive: write them in capitals, as in GET")
    if value in ("CONNECT", "TRACE"):
        raise Wrong("CONNECT and TRACE are not supported")
    return value


def grant_type(value: object) -> str:
    """Read a ``grant_type``: a known one, or any other name or URI (RFC 6749 appendix A.10)."""
    if not isinstance(value, str) or not _GRANT_NAME.fullmatch(value):
        raise Wrong("expected a grant type such as client_credentials, password or urn:...")
    known = next((one for one in GrantType if _plain(one) == _plain(value)), None)
    is_near = SequenceMatcher(None, value, GrantType.CLIENT_CREDENTIALS.value).ratio() > _NEAR
    meant = known or (GrantType.CLIENT_CREDENTIALS if is_near else None)
    if meant is not None and meant != value:
        raise Wrong(f"did you mean {meant.value}?")
    return value if meant is None else meant


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def parameter(value: str) -> str:
    """Accept the name of an additional form field of the token request."""
    if value in _OURS:
        raise Wrong("the gateway sets this parameter: use the corresponding key instead")
    return text(value)


def field_name(value: str) -> str:
    """Accept a field name that a route may change (RFC 9110 sections 5.1 and 7.6.1)."""
    if not _TOKEN.fullmatch(value):
        raise Wrong("expected a field name such as X-Tenant")
    name = _folded(value)
    if name in _HOP_BY_HOP:
        raise Wrong("a hop-by-hop field is never forwarded: remove it (RFC 9110 section 7.6.1)")
    if name in _FRAMING:
        raise Wrong("the gateway sets the fields that frame a body: remove it")
    return value


def request_field_name(value: str) -> str:
    """Accept the name of a request field that a route may change."""
    name = _folded(value)
    if name == "host":
        raise Wrong("the gateway sets Host: use preserve_host, or another upstream")
    if name in _OF_THE_GATEWAY:
        raise Wrong("the gateway sets this field: remove it")
    return field_name(value)


def credential_field(value: str) -> str:
    """Accept the name of a field that carries a caller's key: not one that means something else."""
    if _folded(value) in _WITH_A_MEANING:
        raise Wrong("this field has a meaning of its own: use one such as X-API-Key")
    return request_field_name(value)


def token_request_field_name(value: str) -> str:
    """Accept the name of an additional field of the token request."""
    if _folded(value) in _OF_A_TOKEN_REQUEST:
        raise Wrong("the gateway sets this field of the token request: remove it")
    return field_name(value)


def cookie_name(value: str) -> str:
    """Accept the name of a cookie (RFC 6265 section 4.1.1)."""
    if not _TOKEN.fullmatch(value):
        raise Wrong("expected the name of a cookie such as JSESSIONID")
    return value


def json_pointer(value: object) -> JsonPointer:
    """Read a JSON pointer (RFC 6901)."""
    if not isinstance(value, str):
        raise Wrong("expected a JSON pointer such as /data/token")
    try:
        return read_pointer(value)
    except BadPointer as bad:
        raise Wrong(str(bad)) from None


def taken_name(value: str) -> str:
    """Accept the name under which a step of a login takes something."""
    if not _TAKEN.fullmatch(value):
        raise Wrong(
            "a name consists of at most 64 letters, digits, `_` and `-`, and begins with a letter or `_`"
        )
    return value


def step_field_name(value: str) -> str:
    """Accept the name of a header field of a login step."""
    if _folded(value) == "cookie":
        raise Wrong("the gateway sets Cookie: a step sends back the cookies that earlier steps were given")
    if _folded(value) in _OF_A_STEP:
        raise Wrong("the gateway sets this field: remove it")
    return field_name(value)


def redirect_path(value: str) -> str:
    """Accept the path of a redirect; ``*`` at the end stands for any continuation."""
    if not value.startswith("/") or "?" in value or "#" in value:
        raise Wrong(
            "expected the path that the redirect leads to, such as /login, or /login* for all that begins so"
        )
    return text(value)


def media_type(value: str) -> str:
    """Accept a media type without parameters (RFC 9110 section 8.3.1)."""
    kind, slash, subtype = value.partition("/")
    if not (slash and _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype)):
        raise Wrong("expected a media type such as text/html")
    return value


def wanted(value: object) -> tuple[Scalar, ...] | Presence:
    """Read what must stand at a place of a JSON document: a value, a list of them, or a word."""
    if value == "present":
        return ANYTHING
    values = value if isinstance(value, list) else [value]
    known = [one for one in values if isinstance(one, str | int | float)]
    if not values or len(known) < len(values):
        raise Wrong("expected a value, a list of values, absent or present")
    return tuple(None if one == "absent" else one for one in known)


def override_name(value: str) -> str:
    """Accept the name of a field that callers may not send unless a route allows it."""
    if value.lower().encode() not in OVERRIDES:
        raise Wrong(
            "expected a field that is blocked unless allowed, in its usual spelling, such as "
            "X-HTTP-Method-Override, X-Original-URL or Proxy"
        )
    return value


def _folded(name: str) -> str:
    """Fold a name: to servers, and so to these rules, `X_Tenant` and `X-Tenant` are one."""
    return folded(name.encode()).decode()


def access_log(value: object) -> str | None:
    """Read where access records go; None for ``off``."""
    if value == "off":
        return None
    if isinstance(value, str) and (value in ("stdout", "stderr") or value.startswith("/")):
        return text(value)
    raise Wrong("expected stdout, stderr, off or the absolute path of a file")


def refusal_status(value: object) -> int:
    """Read the status code of a response that may say that a credential was refused (RFC 9110 section 15)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise Wrong("expected a status code from 300 to 599, or a mapping with `status`")
    if value == 304:
        raise Wrong("304 says that the upstream accepted the credential: remove it")
    return value


def status_code(value: object) -> int:
    """Read a status code of an answer (RFC 9110 section 15)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 100 <= value <= 599:
        raise Wrong("expected a status code from 100 to 599")
    return value
