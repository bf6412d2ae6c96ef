"""TLS on all sides: `trust` keeps the contexts for servers, `server_certificate` the certificate for callers.

`tls_context` builds a context from what `pem_files` reads.
"""
