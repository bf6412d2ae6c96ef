"""The request's way: a caller's connection, the handler, an upstream's connection, and back.

- Towards callers: ``sockets`` and ``acceptor`` accept connections, and ``census`` and ``buffers`` limit them.
  A ``listener`` holds what its connections share. A ``caller`` is one connection, made of a
  ``request_reader`` (``parser_errors``) and a ``link``; it serves its requests in turn, each as a ``call``.
- In the middle: ``handler`` is the way itself, in one function. ``front`` and ``fast_lane`` take its steps
  early, without a task, for requests that never wait. ``refused`` recovers from a 401.
- Towards upstreams: a ``route`` is a configured rule with all that it needs. An ``exchange`` sends one
  request, with ``body``, ``pump`` and ``dpop_proofs``. ``pool``, ``room``, ``dialer`` and ``upstream``
  (``upstream_flow``, ``tls_upstream``) own the connections. ``answer_reader`` reads what comes back as an
  ``answer``, and ``relay`` and ``stream`` pass it on.
"""
