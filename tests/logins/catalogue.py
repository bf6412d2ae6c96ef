"""Shapes of logins as they are met in the field, each with a server and an upstream that are driven by it.

Most come from public catalogues of providers; the names say whose they are. A shape says what is written in
`gateway.yaml`, what the server answers at each step, how the upstream wants the credential, and how it says
that the credential is dead. Sessions are numbered, so "which one went out" is one comparison.

A credential lives for `LIFE_S` in every shape, however that is stated.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qsl

from tests.logins.rig import PASSWORD
from tests.wire.messages import ok
from tests.wire.servers import Exchange

LIFE_S = 6
BASIC = "Basic " + b64encode(f"svc:{PASSWORD}".encode()).decode()

HTML_LOGIN = b"<html><form action=/login><input name=user></form></html>"
UNAUTHORIZED = ok(b"no", status="401 Unauthorized")
TO_LOGIN = ok(b"", "Location: /login?next=%2Forders", "Set-Cookie: SESSION=anonymous", status="302 Found")


def text(exchange: Exchange, name: str) -> str:
    return (exchange.head.value(name) or b"").decode("latin-1")


def cookies(exchange: Exchange) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in text(exchange, "Cookie").split(";"))
    return {name: value for name, _, value in pairs}


def document(body: object, *fields: str, status: str = "200 OK") -> bytes:
    return ok(json.dumps(body).encode(), "Content-Type: application/json", *fields, status=status)


def refused(**members: object) -> bytes:
    return document({"error": "bad credentials", **members}, status="401 Unauthorized")


def form(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(exchange.content.decode()))


def jwt(number: int) -> str:
    claims = json.dumps({"sub": "svc", "exp": time.time() + LIFE_S}).encode()
    return f"h.{urlsafe_b64encode(claims).decode().rstrip('=')}.session-{number}"


Answer = Callable[[Exchange, int], bytes]
"""Answers a step; the number is that of the session that this login opens."""


@dataclass(frozen=True)
class Shape:
    """One way to log in.

    Attributes:
        client: the keys of the client, as they stand in `gateway.yaml`.
        steps: answers each step, by the path it goes to.
        credential: what an upstream gets, so that it can be compared: by the number of the session.
        got: the same as a request has it.
        dead: how the upstream says that the session is dead.
        recover_on: the key of the route, where 401 is not enough.
        down: how the server of the login says that it is unwell.
    """

    name: str
    client: str
    steps: dict[str, Answer]
    credential: Callable[[int], str]
    got: Callable[[Exchange], str]
    dead: bytes = UNAUTHORIZED
    recover_on: str = ""
    down: bytes = field(default_factory=lambda: ok(b"<h1>Sorry</h1>", status="503 Service Unavailable"))

    def configuration(self) -> str:
        keys = "\n".join("    " + line for line in self.client.strip("\n").splitlines())
        route = f'{{path: /, upstream: "{{upstream}}", client: erp{self.recover_on and f", recover_on: {self.recover_on}"}}}'
        return f"clients:\n  erp:\n{keys}\nroutes:\n  - {route}\n"


def bearer(exchange: Exchange) -> str:
    return text(exchange, "Authorization").removeprefix("Bearer ")


def at(name: str) -> Callable[[Exchange], str]:
    return lambda exchange: text(exchange, name)


def cookie(*names: str) -> Callable[[Exchange], str]:
    return lambda exchange: " ".join(cookies(exchange).get(name, "") for name in names)


def numbered(pattern: str) -> Callable[[int], str]:
    return pattern.format


def now_iso() -> str:
    return datetime.fromtimestamp(time.time() + LIFE_S, UTC).isoformat()


SHAPES = [
    Shape(
        "JSON in, a token in JSON, no expiry (Metabase)",
        """
login:
  steps:
    - {url: "{login}/api/session", json: {username: svc, password: "${env:PASSWORD}"}, take: {token: /id}}
default_lifetime: 6s
send: {header: X-Metabase-Session}
""",
        {"/api/session": lambda _, n: document({"id": f"session-{n}"})},
        numbered("session-{}"),
        at("X-Metabase-Session"),
    ),
    Shape(
        "nested, expiry in milliseconds, a header of its own",
        """
login:
  steps:
    - url: "{login}/v1/auth"
      json: {auth: {user: svc, key: "${env:PASSWORD}"}, scopes: [all], keep: true}
      success: {json: {/status/code: 0}}
      take: {token: /data/0/accessToken}
  lifetime: {json: /data/0/expiresIn, unit: ms}
send: {header: X-Access-Token}
""",
        {
            "/v1/auth": lambda _, n: document(
                {
                    "status": {"code": "0"},
                    "data": [{"accessToken": f"session-{n}", "expiresIn": LIFE_S * 1000}],
                }
            )
        },
        numbered("session-{}"),
        at("X-Access-Token"),
    ),
    Shape(
        "session cookies, expiry in minutes (SAP Business One)",
        """
login:
  steps:
    - url: "{login}/b1s/v1/Login"
      json: {UserName: svc, Password: "${env:PASSWORD}", CompanyDB: PROD}
      success: {status: 200, json: {/error: absent}}
      take: {token: {cookie: B1SESSION}, node: {cookie: ROUTEID}}
  lifetime: {json: /SessionTimeout, unit: m}
  logout: {method: POST, url: "{login}/b1s/v1/Logout"}
""",
        {
            "/b1s/v1/Login": lambda _, n: document(
                {"SessionId": f"session-{n}", "SessionTimeout": LIFE_S / 60},
                f"Set-Cookie: B1SESSION=session-{n}; HttpOnly",
                "Set-Cookie: ROUTEID=.node1; path=/b1s",
            ),
            "/b1s/v1/Logout": lambda *_: ok(b"", status="204 No Content"),
        },
        numbered("session-{} .node1"),
        cookie("B1SESSION", "ROUTEID"),
    ),
    Shape(
        "expiry as seconds since 1970",
        """
login:
  steps: [{url: "{login}/login", json: {user: svc, password: "${env:PASSWORD}"}, take: {token: /token}}]
  lifetime: {json: /exp, unit: instant}
""",
        {"/login": lambda _, n: document({"token": f"session-{n}", "exp": round(time.time() + LIFE_S)})},
        numbered("session-{}"),
        bearer,
    ),
    Shape(
        "expiry as milliseconds since 1970, as text",
        """
login:
  steps: [{url: "{login}/login", json: {user: svc, password: "${env:PASSWORD}"}, take: {token: /token}}]
  lifetime: {json: /validTo, unit: instant}
""",
        {
            "/login": lambda _, n: document(
                {"token": f"session-{n}", "validTo": str(round((time.time() + LIFE_S) * 1000))}
            )
        },
        numbered("session-{}"),
        bearer,
    ),
    Shape(
        "expiry as RFC 3339, the token in a header field (Keystone)",
        """
login:
  steps:
    - url: "{login}/v3/auth/tokens"
      json: {auth: {identity: {methods: [password], password: {user: {name: svc, password: "${env:PASSWORD}"}}}}}
      success: {status: 201}
      take: {token: {header: X-Subject-Token}}
  lifetime: {json: /token/expires_at, unit: instant}
send: {header: X-Auth-Token}
""",
        {
            "/v3/auth/tokens": lambda _, n: document(
                {"token": {"expires_at": now_iso()}}, f"X-Subject-Token: session-{n}", status="201 Created"
            )
        },
        numbered("session-{}"),
        at("X-Auth-Token"),
    ),
    Shape(
        "expiry as /Date(...)/ (ASP.NET)",
        """
login:
  steps: [{url: "{login}/Login.svc", json: {user: svc, password: "${env:PASSWORD}"}, take: {token: /d/Ticket}}]
  lifetime: {json: /d/Expires, unit: instant}
send: {header: Authorization, prefix: "Ticket "}
""",
        {
            "/Login.svc": lambda _, n: document(
                {
                    "d": {
                        "Ticket": f"session-{n}",
                        "Expires": f"/Date({round((time.time() + LIFE_S) * 1000)}+0200)/",
                    }
                }
            )
        },
        numbered("Ticket session-{}"),
        at("Authorization"),
    ),
    Shape(
        "expiry as an HTTP date in a header field",
        """
login:
  steps: [{method: POST, url: "{login}/login", basic: {user: svc, password: "${env:PASSWORD}"}, take: {token: {header: X-Token}}}]
  lifetime: {header: X-Token-Expires, unit: instant}
send: {header: X-Token}
""",
        {
            "/login": lambda _, n: ok(
                b"",
                f"X-Token: session-{n}",
                f"X-Token-Expires: {formatdate(time.time() + LIFE_S, usegmt=True)}",
            )
        },
        numbered("session-{}"),
        at("X-Token"),
    ),
    Shape(
        "a JWT that states its own end",
        """
login:
  steps: [{url: "{login}/jwt/login", json: {user: svc, password: "${env:PASSWORD}"}, take: {token: /jwt}}]
send: {header: Authorization, prefix: "JWT "}
""",
        {"/jwt/login": lambda _, n: document({"jwt": jwt(n)})},
        numbered("session-{}"),
        lambda exchange: text(exchange, "Authorization").rpartition(".")[2],
    ),
    Shape(
        "GET with Basic, the body is the token",
        """
login:
  steps: [{url: "{login}/token", basic: {user: svc, password: "${env:PASSWORD}"}, take: {token: {body: true}}}]
  lifetime: 6s
send: {header: Authorization, prefix: "Token "}
""",
        {"/token": lambda _, n: ok(f"session-{n}\n".encode(), "Content-Type: text/plain")},
        numbered("Token session-{}"),
        at("Authorization"),
    ),
    Shape(
        "POST with Basic, the document is a JSON string (vSphere)",
        """
login:
  steps:
    - method: POST
      url: "{login}/api/session"
      basic: {user: svc, password: "${env:PASSWORD}"}
      success: {status: [200, 201]}
      take: {token: ""}
  lifetime: 6s
  logout: {method: DELETE, url: "{login}/api/session", headers: {vmware-api-session-id: "${taken:token}"}}
send: {header: vmware-api-session-id}
""",
        {
            "/api/session": lambda x, n: (
                document(f"session-{n}", status="201 Created") if x.line.startswith(b"POST") else ok()
            )
        },
        numbered("session-{}"),
        at("vmware-api-session-id"),
    ),
    Shape(
        "440 says that a session is dead (vRealize Log Insight)",
        """
login:
  steps:
    - url: "{login}/api/v2/sessions"
      json: {username: svc, password: "${env:PASSWORD}", provider: Local}
      take: {token: /sessionId}
  lifetime: /ttl
""",
        {"/api/v2/sessions": lambda _, n: document({"sessionId": f"session-{n}", "ttl": LIFE_S})},
        numbered("session-{}"),
        bearer,
        ok(b"", status="440 Login Time-out"),
        "[401, 440]",
    ),
    Shape(
        "a form in, lines of text out (ClientLogin)",
        """
login:
  steps:
    - url: "{login}/accounts/ClientLogin"
      form: {Email: svc, Passwd: "${env:PASSWORD}", service: cl, accountType: HOSTED_OR_GOOGLE}
      take: {token: {line: Auth}}
  lifetime: 6s
send: {header: Authorization, prefix: "GoogleLogin auth="}
""",
        {
            "/accounts/ClientLogin": lambda _, n: ok(
                f"SID=x\nLSID=y\nAuth=session-{n}\n".encode(), "Content-Type: text/plain"
            )
        },
        numbered("GoogleLogin auth=session-{}"),
        at("Authorization"),
        ok(b"Token expired", status="403 Forbidden"),
        "[401, 403]",
    ),
    Shape(
        "a form in, a form out",
        """
login:
  steps: [{url: "{login}/access_token", form: {user: svc, secret: "${env:PASSWORD}"}, take: {token: {form: access_token}}}]
  lifetime: {form: expires}
""",
        {"/access_token": lambda _, n: ok(f"access_token=session-{n}&expires={LIFE_S}".encode())},
        numbered("session-{}"),
        bearer,
    ),
    Shape(
        "the token goes into the query (Moodle)",
        """
login:
  steps:
    - url: "{login}/login/token.php"
      form: {username: svc, password: "${env:PASSWORD}", service: mobile}
      success: {json: {/error: absent}}
      take: {token: /token}
  lifetime: 6s
send: {query: wstoken}
""",
        {"/login/token.php": lambda _, n: document({"token": f"session-{n}", "privatetoken": None})},
        numbered("session-{}"),
        lambda exchange: dict(parse_qsl(exchange.target.decode().partition("?")[2])).get("wstoken", ""),
        document({"exception": "x", "errorcode": "invalidtoken"}),
        "[{status: 200, json: {/errorcode: invalidtoken}}]",
    ),
    Shape(
        "an error code in a response that is 200 (WeChat)",
        """
login:
  steps:
    - url: "{login}/cgi-bin/stable_token"
      json: {grant_type: client_credential, appid: svc, secret: "${env:PASSWORD}"}
      success: {json: {/errcode: [0, absent]}}
      take: {token: /access_token}
  lifetime: /expires_in
send: {query: access_token}
""",
        {
            "/cgi-bin/stable_token": lambda _, n: document(
                {"access_token": f"session-{n}", "expires_in": LIFE_S}
            )
        },
        numbered("session-{}"),
        lambda exchange: dict(parse_qsl(exchange.target.decode().partition("?")[2])).get("access_token", ""),
        document({"errcode": 42001, "errmsg": "access_token expired"}),
        "[{status: 200, json: {/errcode: [40001, 42001]}}]",
        document({"errcode": -1, "errmsg": "system error"}, status="500 Internal Server Error"),
    ),
    Shape(
        "a cookie and a CSRF token in a header field (SAP OData)",
        """
login:
  steps:
    - url: "{login}/sap/opu/odata/sap/ORDERS_SRV/"
      basic: {user: svc, password: "${env:PASSWORD}"}
      headers: {X-CSRF-Token: Fetch}
      take: {token: {cookie: SAP_SESSIONID_PRD_100}, csrf: {header: X-CSRF-Token}}
  lifetime: 6s
send: [{cookie: SAP_SESSIONID_PRD_100}, {header: X-CSRF-Token, part: csrf}]
""",
        {
            "/sap/opu/odata/sap/ORDERS_SRV/": lambda x, n: (
                ok(b"", f"Set-Cookie: SAP_SESSIONID_PRD_100=session-{n}%3d; path=/", f"x-csrf-token: c{n}==")
                if text(x, "X-CSRF-Token") == "Fetch"
                else ok()
            )
        },
        numbered("session-{0}%3d c{0}=="),
        lambda exchange: f"{cookie('SAP_SESSIONID_PRD_100')(exchange)} {text(exchange, 'X-CSRF-Token')}",
        ok(b"CSRF token validation failed", "x-csrf-token: Required", status="403 Forbidden"),
        "[401, {status: 403, header: {X-CSRF-Token: Required}}]",
    ),
    Shape(
        "a page, then its form: cookie and CSRF token (Django)",
        """
login:
  steps:
    - url: "{login}/admin/login/"
      take: {csrf: {page: csrfmiddlewaretoken}}
    - url: "{login}/admin/login/"
      headers: {Referer: "{login}/admin/login/"}
      form: {username: svc, password: "${env:PASSWORD}", csrfmiddlewaretoken: "${taken:csrf}", next: /admin/}
      success: {status: 302, location: /admin/}
      take: {token: {cookie: sessionid}, csrf: {cookie: csrftoken}}
send: [{cookie: sessionid}, {cookie: csrftoken, part: csrf}, {header: X-CSRFToken, part: csrf}]
""",
        {
            "/admin/login/": lambda x, n: (
                ok(
                    b'<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="m&amp;1"></form>',
                    "Set-Cookie: csrftoken=before; Path=/; SameSite=Lax",
                )
                if x.line.startswith(b"GET")
                else ok(
                    b"",
                    "Location: /admin/",
                    f"Set-Cookie: sessionid=session-{n}; HttpOnly; Max-Age={LIFE_S}; Path=/",
                    f"Set-Cookie: csrftoken=c{n}; Max-Age=31449600; Path=/",
                    status="302 Found",
                )
                if form(x)["csrfmiddlewaretoken"] == "m&1" and cookies(x) == {"csrftoken": "before"}
                else ok(HTML_LOGIN, status="403 Forbidden")
            )
        },
        numbered("session-{0} c{0} c{0}"),
        lambda exchange: f"{cookie('sessionid', 'csrftoken')(exchange)} {text(exchange, 'X-CSRFToken')}",
        TO_LOGIN.replace(b"/login", b"/admin/login/"),
        "[{status: 302, location: /admin/login}, {status: 403, content_type: text/html}]",
    ),
    Shape(
        "a page, then its form: the session changes its id (Spring)",
        """
login:
  steps:
    - url: "{login}/login"
      take: {csrf: {page: _csrf}}
    - url: "{login}/login"
      form: {username: svc, password: "${env:PASSWORD}", _csrf: "${taken:csrf}"}
      success: {status: 302, location: /}
      take: {token: {cookie: JSESSIONID}}
  lifetime: 6s
""",
        {
            "/login": lambda x, n: (
                ok(b'<meta name="_csrf" content="m1"/>', "Set-Cookie: JSESSIONID=before; Path=/; HttpOnly")
                if x.line.startswith(b"GET")
                else ok(
                    b"",
                    "Location: http://erp/",
                    f"Set-Cookie: JSESSIONID=session-{n}; Path=/; HttpOnly",
                    status="302 Found",
                )
                if cookies(x) == {"JSESSIONID": "before"} and form(x)["_csrf"] == "m1"
                else ok(b"", "Location: http://erp/login?error", status="302 Found")
            )
        },
        numbered("session-{}"),
        cookie("JSESSIONID"),
        TO_LOGIN,
        "[{status: 302, location: /login}]",
    ),
    Shape(
        "a login page with 200 says that a session is dead",
        """
login:
  steps:
    - url: "{login}/j_security_check"
      form: {j_username: svc, j_password: "${env:PASSWORD}"}
      success: {status: 303}
      take: {token: {cookie: LtpaToken2}}
  lifetime: 6s
""",
        {
            "/j_security_check": lambda _, n: ok(
                b"", f'Set-Cookie: LtpaToken2="session-{n}/+="; Path=/', status="303 See Other"
            )
        },
        numbered('"session-{}/+="'),
        cookie("LtpaToken2"),
        ok(HTML_LOGIN, "Content-Type: text/html;charset=utf-8"),
        "[{status: 200, content_type: text/html}]",
    ),
    Shape(
        "a cookie that states its own end",
        """
login:
  steps:
    - url: "{login}/api/login"
      json: {user: svc, password: "${env:PASSWORD}"}
      take: {token: {cookie: sid}}
""",
        {"/api/login": lambda _, n: document({}, f"Set-Cookie: sid=session-{n}; Max-Age={LIFE_S}; Secure")},
        numbered("session-{}"),
        cookie("sid"),
    ),
    Shape(
        "three steps: a challenge, a login, a tenant",
        """
login:
  steps:
    - url: "{login}/challenge"
      take: {nonce: /nonce}
    - url: "{login}/login"
      json: {user: svc, password: "${env:PASSWORD}", nonce: "${taken:nonce}"}
      take: {token: /token, host: /cell}
    - url: "{login}/tenants/select"
      headers: {Authorization: "Bearer ${taken:token}"}
      json: {tenant: acme, cell: "${taken:host}"}
      take: {token: /scoped, tenant: /tenantId}
  lifetime: /seconds
send: [{header: Authorization}, {header: X-Tenant, part: tenant}]
""",
        {
            "/challenge": lambda _, n: document({"nonce": f'n"{n}'}),
            "/login": lambda x, n: (
                document({"token": f"wide{n}", "cell": "c1", "seconds": 3600})
                if json.loads(x.content)["nonce"] == f'n"{n}'
                else refused()
            ),
            "/tenants/select": lambda x, n: (
                document({"scoped": f"session-{n}", "tenantId": 17, "seconds": LIFE_S})
                if bearer(x) == f"wide{n}" and json.loads(x.content)["cell"] == "c1"
                else refused()
            ),
        },
        numbered("session-{} 17"),
        lambda exchange: f"{bearer(exchange)} {text(exchange, 'X-Tenant')}",
    ),
    Shape(
        "a key in a header field buys a token (no password at all)",
        """
login:
  steps:
    - url: "{login}/auth"
      method: POST
      headers: {X-API-Key: "${env:PASSWORD_IN_ASCII}"}
      take: {token: {json: /token}}
  lifetime: 6s
send: {header: X-AV-Token}
""",
        {"/auth": lambda x, n: document({"token": f"session-{n}"}) if text(x, "X-API-Key") else refused()},
        numbered("session-{}"),
        at("X-AV-Token"),
        ok(b"", status="407 Proxy Authentication Required"),
        "[407]",
    ),
    Shape(
        "a PUT of JSON, 201, Bearer (npm registries)",
        """
login:
  steps:
    - method: PUT
      url: "{login}/-/user/org.couchdb.user:svc"
      json: {name: svc, password: "${env:PASSWORD}"}
      success: {status: 201, json: {/token: present}}
      take: {token: /token}
  lifetime: 6s
""",
        {
            "/-/user/org.couchdb.user:svc": lambda _, n: document(
                {"ok": "ok", "token": f"session-{n}"}, status="201 Created"
            )
        },
        numbered("session-{}"),
        bearer,
    ),
    # ── token requests of other shapes ────────────────────────────────────────────────────────────
    Shape(
        "a grant of its own, with Basic (Zoom)",
        """
token_endpoint: "{login}/oauth/token"
client_id: svc
client_secret: "${env:PASSWORD}"
grant_type: account_credentials
parameters: {account_id: a1b2c3}
""",
        {
            "/oauth/token": lambda x, n: (
                document({"access_token": f"session-{n}", "token_type": "bearer", "expires_in": LIFE_S})
                if form(x) == {"grant_type": "account_credentials", "account_id": "a1b2c3"}
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
        document({"code": 124, "message": "Invalid access token."}, status="401 Unauthorized"),
    ),
    Shape(
        "user and password as a grant (ServiceNow)",
        """
token_endpoint: "{login}/oauth_token.do"
client_id: svc
client_secret: "${env:PASSWORD}"
token_endpoint_auth_method: client_secret_post
grant_type: password
parameters: {username: gateway, password: "${env:PASSWORD}"}
""",
        {
            "/oauth_token.do": lambda x, n: (
                document(
                    {
                        "access_token": f"session-{n}",
                        "refresh_token": "r",
                        "scope": "useraccount",
                        "expires_in": LIFE_S,
                    }
                )
                if form(x)["password"] == PASSWORD and form(x)["grant_type"] == "password"
                else refused()
            )
        },
        numbered("session-{}"),
        bearer,
    ),
    Shape(
        "fields with names of their own in JSON, an answer of its own",
        """
token_endpoint: "{login}/api/v1/auth"
client_id: svc
client_secret: "${env:PASSWORD}"
token_endpoint_auth_method: client_secret_post
request: {format: json, rename: {client_id: appKey, client_secret: appSecret}, omit: grant_type}
answer:
  token: /data/accessToken
  lifetime: {json: /data/expiresIn, unit: ms}
  success: {json: {/errcode: 0}}
  take: {shard: /data/shard}
send: [{header: X-Auth-Token}, {header: X-Shard, part: shard}]
""",
        {
            "/api/v1/auth": lambda x, n: (
                document(
                    {
                        "errcode": 0,
                        "data": {"accessToken": f"session-{n}", "expiresIn": LIFE_S * 1000, "shard": "eu1"},
                    }
                )
                if json.loads(x.content) == {"appKey": "svc", "appSecret": PASSWORD}
                else document({"errcode": 40013})
            )
        },
        numbered("session-{} eu1"),
        lambda exchange: f"{text(exchange, 'X-Auth-Token')} {text(exchange, 'X-Shard')}",
        document({"errcode": 40014}),
        "[{status: 200, json: {/errcode: 40014}}]",
    ),
    Shape(
        "all in the query of a GET, the body is the token",
        """
token_endpoint: "{login}/token"
client_id: svc
client_secret: "${env:PASSWORD}"
token_endpoint_auth_method: client_secret_post
request: {method: GET}
answer: {token: {body: true}, lifetime: 6s}
""",
        {"/token": lambda _, n: ok(f"session-{n}".encode(), "Content-Type: text/plain")},
        numbered("session-{}"),
        bearer,
    ),
]
