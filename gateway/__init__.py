"""A gateway that injects OAuth 2.0 access tokens, obtained with its own client credentials.

The request's way (read `proxy.handler.Handler.handle` first)::

    caller ─ proxy.listener ─ proxy.handler ─► core.http.routing     which route: 404, 405, 400
                                    │       ─► core.http.outbound    is it admitted: 403, 413
                                    │       ─► access.gate           who calls, and may it: 401, 403, 503
                                    │       ─► oauth.source          a living token, or 502, 503, 504
                                    │       ─► proxy.exchange        one request to one upstream: 502, 504
                                    │       ─► core.http.recovery    401: drop that token, replay once
                                    │       ─► proxy.relay           the response, as fast as the caller reads
                                    └─ finally: counted and recorded observe

The short way, for requests that never wait: the same steps, taken by callbacks while the connection's task
sleeps. Whatever needs a wait is handed over to the task, which continues where the callbacks stopped::

    caller ─ proxy.front ─ (a batch per iteration of the loop) ─ proxy.fast_lane ─► the steps of proxy.handler
                  └─ not plain, not complete, or in need of a wait ─► proxy.caller, the task ─► proxy.handler

The token's way::

   gateway.yaml ─ config ─► Grant ─ oauth.source ─ (none living?) ─ oauth.maker ─► oauth.discovery   where
                                         ▲                                │       ─► oauth.credentials  who
                                         │                                │       ─► core.oauth.token_request
                                         │                                └─ POST ── oauth.transport
                                         └── Token ◄─ core.oauth.bearer ◄─ core.oauth.token_answer ◄───┘

Where there is no OAuth, the maker is `oauth.login_maker`: its steps are built by
`core.oauth.logins.login_request` and read by `core.oauth.logins.login_answer`.

Words: a *caller* sends us requests; a *client* is our registration at an *authorization server*; a *grant*
decides which *token* comes back; a *route* leads to an *upstream*; an *exchange* is one request to one
upstream and its response, which the code calls *answer*; *recovery* means to authenticate again after a 401
and to replay the request once.

The rooms, from the top; arrows between them run downwards only, and none runs in a ring:

========================  ============================================================================
cli, server               the commands, and the process with its signals
crew                      several processes that are one gateway: a supervisor, a keeper, workers
app, doctor               `app` owns what lives long; `doctor` answers `gateway token` and `explain`
overview                  what a gateway shows of itself
generation, retired       what lives as long as one configuration: token sources, upstream pools, routes
observers                 who is told of requests and tokens: metrics, logs, whoever runs it in code
config_process            the configuration, read by a process of its own
config_reading            what prevents a start or a reload, and what is only a warning
doors, reloading          the addresses where callers come in; the configuration, read anew
config_watch              whether it has changed
upstreams                 groups of upstream addresses, and the choice for each request
proxy, oauth              the request's way, the token's way
access                    who may use a route
admin, config             the admin listener; the reader of `gateway.yaml`
demo                      a small authorization server and a small legacy service
observe, tls, net         logs and metrics; TLS contexts of all sides; from names to addresses
system                    what the operating system is asked for: files, processes, threads, descriptors
core.http, core.oauth     what each way decides: values in, values out, no I/O
core.access               what is decided about callers
core.settings, core.text  what `gateway.yaml` means; small texts that others wrote
core                      what both ways share: errors, secrets, the clock, the token
========================  ============================================================================

Files outside the rooms: `verdict` says why a server could not be reached, `listening` why an address cannot
be had, `seam` which private parts of aiohttp are used, `request_ids` what requests are called, `version` what
is installed. `secret_text` puts secrets together, `packing` makes settings bytes for another process,
`config_text` reads the text of a configuration, `files_in_use` lists the files of a running gateway,
`identity_keys` has the keys that sign who calls, and `instances` leads to upstreams that credentials name.
"""

__version__ = "0.1.0"
