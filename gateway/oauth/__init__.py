"""The token's way: `store` holds one `source` per grant, which asks at an `endpoint`; `probe` asks once."""
