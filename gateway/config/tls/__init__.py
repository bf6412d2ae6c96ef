"""The key `tls`, which listeners, clients and routes share."""
