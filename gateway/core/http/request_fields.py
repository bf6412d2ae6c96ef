"""Which fields of a request need a decision: they never pass by themselves, or the gateway decides by them.

A field that looks like one of `SPECIAL` (``X_Forwarded_For``, ``X.Forwarded.For``) never passes, because
servers confuse the names (`fields.folded`). Some servers let a caller replace what was matched and permitted
by fields of their own (`OVERRIDES`); those pass only if the route allows them by name.
"""

from __future__ import annotations

from typing import Final

# Never copied from a request: hop-by-hop (RFC 9110 section 7.6.1), framing, and what the gateway sets.
SPECIAL: Final = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-length",
        b"dpop",
        b"expect",
        b"forwarded",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"max-forwards",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-real-ip",
        b"x-request-id",
    }
)
# What some frameworks and servers believe instead of method, target, Host or scheme, or use as a setting of
# their own. `Proxy` and `Script-Name` become variables of CGI (CVE-2016-5385) and WSGI.
OVERRIDES: Final = frozenset(
    {
        b"front-end-https",
        b"path-info",
        b"proxy",
        b"script-name",
        b"x-envoy-original-host",
        b"x-envoy-original-path",
        b"x-host",
        b"x-http-host-override",
        b"x-http-method",
        b"x-http-method-override",
        b"x-http-path-override",
        b"x-method-override",
        b"x-original-host",
        b"x-original-method",
        b"x-original-path",
        b"x-original-uri",
        b"x-original-url",
        b"x-override-method",
        b"x-override-url",
        b"x-rewrite-uri",
        b"x-rewrite-url",
        b"x-scheme",
        b"x-script-name",
        b"x-url-scheme",
        b"x-waws-unencoded-url",
    }
)
# What a browser says about the page that caused the request: it passes, and decisions depend on it
# (`core.http.foreign`, `core.access.cors`).
NOTED: Final = frozenset({b"access-control-request-method", b"origin", b"sec-fetch-site"})
# Special fields allowed in a head that is read without a parser: nothing about framing, or about a body.
PLAIN: Final = frozenset(
    {
        b"authorization",
        b"connection",
        b"host",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)
