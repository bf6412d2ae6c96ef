"""Who may use a route: the effects. Its decisions are in `core.access`.

A *way* knows callers of one kind: by a key, by an address. A *gate* stands before one route, asks the ways
that its rule names, and lets the caller in or raises the error that it gets. It comes after the route was
matched, and before the token is touched, the body is read, or the caller is invited to send it.

    request ─► gate ─► way ─► finding ─┐
                  └──► way ─► finding ─┴─► judge ─► Caller, or an error
"""
