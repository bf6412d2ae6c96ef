"""A small authorization server and a small legacy service, for `gateway demo` and the tests.

Not for production, but realistic: both serve HTTP on sockets of their own, and the authorization server
follows RFC 6749. Only the command line imports this package.
"""
