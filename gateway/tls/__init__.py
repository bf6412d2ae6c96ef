"""TLS on all sides: `trust` keeps the contexts towards servers, `server_certificate` what callers are shown.

`tls_context` builds one context of what `pem_files` reads.
"""
