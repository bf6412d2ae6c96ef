"""A small authorization server and a small legacy service, for `gateway demo` and the tests.

Not for production. Real enough to be believed: both speak HTTP on sockets of their own, and the authorization
server answers as RFC 6749 asks. Only the command line imports this package.
"""
