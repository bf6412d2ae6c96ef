"""A request that must not be served, and what must not be served behind it."""

from tests.wire.messages import request

NEXT = request("GET", "/smuggled")
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


async def is_refused(rig, data, *statuses):
    """One answer, the end of the connection, and nothing at the upstream."""
    caller = await rig.caller()
    answer = await caller.ask(data + NEXT)

    assert answer.status in statuses
    assert answer.problem["status"] == answer.status
    assert answer.closes
    assert await caller.rest() == b"", "something behind the refused request was answered"
    assert rig.upstream.saw_nothing
