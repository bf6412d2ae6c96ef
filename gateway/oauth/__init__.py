"""The token's way: `store` holds one `source` per grant, which asks at an `endpoint`.

A `source` holds a token and lets callers wait; its `requester` decides when to ask; `revoker` takes over
what is no longer used. An `endpoint` finds its server by `discovery`, proves who we are by `proofs`
(`client_authentication` signs assertions, `dpop` proves that we hold the key of a token, `signing_key` reads
what signs), takes the secret that `secret_choice` remembers, and sends by `transport`. `key_check` tries the
keys before anything is sent.
"""
