"""The token's way: `store` holds one `source` per grant, which asks for tokens at an `endpoint`.

A `source` holds a token and lets callers wait for it. Its `requester` decides when to ask, in `turns` with
the client's other grants; `revoker` takes over tokens that are no longer used. What asks is a `maker`, behind
which nobody sees how: `makers` has one for each client. `gateway.doctor` asks one once.

A `grant_maker` asks an `endpoint`. That finds its server by `discovery`, authenticates with `credentials`,
uses the secret that `secret_choice` remembers, and sends by `transport` (`connections`, `places`,
`aiohttp_resolver`). Where something must be signed, `client_authentication` makes assertions, `dpop_key`
makes proofs of possession, and `signing_key` reads the keys. `key_check` tries them before the start.

A `login_maker` makes the requests of a login in turn, which `core.oauth.logins.login_request` builds and
`core.oauth.logins.login_answer` reads.
"""
