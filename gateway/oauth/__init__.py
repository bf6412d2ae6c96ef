"""The token's way: `store` holds one `source` per grant, which asks at an `endpoint`; `probe` asks once.

An `endpoint` proves who we are: `client_authentication` signs assertions, `trust` shows certificates. What
signs is read by `signing_key`; `dpop` proves that we hold the key a token is bound to.
"""
