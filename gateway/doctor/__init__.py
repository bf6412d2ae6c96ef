"""What an operator asks before anything runs: `gateway token` and `gateway explain`.

Nothing here is on a request's way. The doctor asks an authorization server the same question as the gateway
does, with the same code, and tells what went out, what came back, and what to write instead.
"""
