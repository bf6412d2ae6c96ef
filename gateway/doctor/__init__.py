"""The doctor finds out what is wrong, and what to write instead: `gateway token` and `gateway explain`.

It *examines* a client: `examine` requests a token with the gateway's own code, `report_build` makes a
`Report` of what went out, what came back and what to change, and `rendering` writes it. It *explains* a
request: which route it takes, and what would go out. Nothing here runs while a request is served.
"""
