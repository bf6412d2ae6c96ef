"""A gateway that injects OAuth 2.0 access tokens, obtained with its own client credentials.

The request's way (read `proxy.handler.Handler.handle` first)::

    caller ─ proxy.listener ─ proxy.handler ─► core.routing        which route: 404, 405, 400
                                    │       ─► core.outbound       is it admitted: 403, 413
                                    │       ─► oauth.source        a living token, or 502, 503, 504
                                    │       ─► proxy.exchange      one request to one upstream: 502, 504
                                    │       ─► core.recovery       401: drop that token, replay once
                                    │       ─► proxy.relay         the answer, as fast as the caller reads
                                    └─ finally: counted and told   observe

The token's way::

    gateway.yaml ─ config ─► Grant ─ oauth.source ─ (none living?) ─ oauth.endpoint ─► oauth.discovery  where
                                          ▲                                │       ─► oauth.proofs     who
                                          │                                │       ─► core.token_request
                                          │                                └─ POST ── oauth.transport
                                          └── Token ◄─ core.bearer ◄─ core.token_answer ◄──────┘

Words: a *caller* sends us requests; a *client* is our registration at an *authorization server*; a
*grant* decides which *token* comes back; a *route* leads to an *upstream*; an *exchange* is one request
to one upstream and its answer; *recovery* is to authenticate again after a 401 and to replay once.

Arrows run downwards only: cli, server, app, then (proxy, oauth, admin, config, demo), then (observe, trust,
net), core. `trust` makes the TLS contexts of all sides, `net` leads from names to addresses, `verdict` says
why a server could not be reached, `listening` why an address cannot be had, `seam` which private parts of
aiohttp are used; `core` decides and does nothing; `app` builds and owns everything that lives long.
"""

__version__ = "0.1.0"
