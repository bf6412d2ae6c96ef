"""The request's way: listener, handler, upstream connections, relay.

``listener`` reads requests off a caller's connection, ``handler`` is the way itself in one function,
``exchange`` sends a request to an upstream and waits for the head of its answer, ``relay`` passes the
answer on. ``pool`` and ``upstream`` are the connections behind, ``body`` is the caller's body and what
is kept of it for a replay.
"""
