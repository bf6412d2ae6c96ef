"""Connections to upstreams: opened, kept, reused, and what arrives on them."""
