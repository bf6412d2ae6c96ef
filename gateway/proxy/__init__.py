"""The request's way: a caller's connection, the handler, an upstream's connection, and back.

In front, ``listener`` owns what listens, ``reading`` reads requests off a connection, ``caller`` serves
them one after the other, each as a ``call``. ``handler`` is the way itself in one function. Behind,
``route`` is a rule at work, ``exchange`` sends a request and waits for the head of the answer, ``pool``
and ``upstream`` are the connections, ``answer`` reads what comes, ``relay`` passes it on. ``body`` is
the caller's body and what is kept of it for a replay; ``proofs`` go with tokens that are bound to a key.
"""
