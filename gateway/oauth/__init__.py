"""The token's way: `store` holds one `source` per grant, which asks at an `endpoint`; `probe` asks once.

An `endpoint` proves who we are: `client_authentication` signs assertions, `trust` shows certificates.
"""
