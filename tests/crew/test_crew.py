"""A gateway of several processes: what its operator signals, kills and sees."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from gateway.core.settings.listener_settings import Address
from tests.processes import gateway_beside, is_free, running, write_configuration
from tests.wire.caller import RawCaller
from tests.wire.messages import request

SECRET = {"SECRET": "hunter2-the-client-secret"}


def document(upstream, authorization_server=None, workers=2, **more):
    """One route to everything, with a token if there is somebody to issue it."""
    route = {"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}"}
    whole = {"workers": workers, "routes": [route], **more}
    if authorization_server is not None:
        route |= {"client": "crm", "allow_foreign_pages": True}
        whole["clients"] = {
            "crm": {
                "token_endpoint": authorization_server.endpoint,
                "client_id": "mobile_android",
                "client_secret": "${env:SECRET}",
            }
        }
    return whole


def children(pid):
    """The keeper, then the workers, by their numbers."""
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(is_so, within_s=20.0):
    async with asyncio.timeout(within_s):
        while not (found := is_so()):
            await asyncio.sleep(0.01)
    return found


async def answered(where, path="/"):
    """The status of one request on a connection of its own."""
    caller = await RawCaller.connect(where)
    try:
        await caller.send(request("GET", path, "Host: localhost"))
        return (await caller.answer()).status
    finally:
        await caller.close()


async def page(child, path):
    caller = await RawCaller.connect(child.admin)
    try:
        await caller.send(request("GET", path, "Host: localhost"))
        answer = await caller.answer()
        return answer.status, answer.body
    finally:
        await caller.close()


async def sample(child, line):
    """The value of a sample in /metrics."""
    _, body = await page(child, "/metrics")
    return float(re.search(rf"(?m)^{re.escape(line)} (\S+)$", body.decode())[1])


async def in_progress(child):
    """Wait until a worker has a request."""
    async with asyncio.timeout(20):
        while await sample(child, 'gateway_requests_in_progress{route="/"}') != 1:
            await asyncio.sleep(0.01)


async def test_two_workers_are_one_gateway(tmp_path, upstream, authorization_server):
    async with running(tmp_path, document(upstream, authorization_server), SECRET) as child:
        assert [await answered(child.address) for _ in range(8)] == [200] * 8
        processes = children(child.pid)
        assert len(processes) == 3
        for pid in (child.pid, *processes):
            assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert len(authorization_server.requests) == 1
        assert (await page(child, "/readyz"))[0] == 200
        assert await sample(child, 'gateway_requests_total{code="200",route="/"}') == 8
        assert await sample(child, 'process_open_fds{worker="1"}') > 0
        assert json.loads((await page(child, "/config"))[1])["pid"] == child.pid
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert is_free(child.address.port)


async def test_five_hundred_cold_callers_of_four_workers_cost_one_token_request(
    tmp_path, upstream, authorization_server
):
    authorization_server.gate.clear()
    async with running(tmp_path, document(upstream, authorization_server, workers=4), SECRET) as child:
        asking = [asyncio.ensure_future(answered(child.address)) for _ in range(500)]
        await until(lambda: authorization_server.requests)
        authorization_server.gate.set()
        assert set(await asyncio.gather(*asking)) == {200}
        assert len(authorization_server.requests) == 1


async def test_a_token_that_is_revoked_under_load_is_recovered_once(tmp_path, upstream, authorization_server):
    """Four workers meet the 401s at the same time; nobody's caller sees one."""
    async with running(tmp_path, document(upstream, authorization_server, workers=4), SECRET) as child:
        callers = [await RawCaller.connect(child.address) for _ in range(40)]
        assert {await asked(caller, "/") for caller in callers} == {200}
        upstream.demand("token_2")
        found = await asyncio.gather(*(asked(caller, "/") for caller in callers))
        assert set(found) == {200}
        assert {await asked(caller, "/") for caller in callers} == {200}
        assert len(authorization_server.requests) == 2
        for caller in callers:
            await caller.close()


async def test_a_killed_worker_costs_the_exchanges_in_it_and_nothing_else(tmp_path, upstream):
    """Callers in the queue of its socket are served, counters do not fall, and another worker comes."""
    async with running(tmp_path, document(upstream)) as child:
        keeper, *workers = children(child.pid)
        for _ in range(10):
            await answered(child.address)
        counted = await sample(child, 'gateway_requests_total{code="200",route="/"}')
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        queued = [await RawCaller.connect(child.address) for _ in range(40)]
        for caller in queued:
            await caller.send(request("GET", "/"))
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert {(await caller.answer()).status for caller in queued} == {200}
        assert await sample(child, 'gateway_requests_total{code="200",route="/"}') >= counted == 10
        now = children(child.pid)
        assert keeper in now
        assert set(workers).isdisjoint(now)
        for caller in queued:
            await caller.close()


async def test_the_keeper_dies_and_workers_go_on_with_living_tokens(tmp_path, upstream, authorization_server):
    async with running(tmp_path, document(upstream, authorization_server), SECRET) as child:
        assert await answered(child.address) == 200
        authorization_server.gate.clear()
        keeper = children(child.pid)[0]
        os.kill(keeper, signal.SIGKILL)
        assert {await answered(child.address) for _ in range(8)} == {200}
        await child.until_told("another one follows at once")
        await until(lambda: len(children(child.pid)) == 3 and keeper not in children(child.pid))
        await authorization_server.until(lambda: len(authorization_server.requests) == 2)
        assert {await answered(child.address) for _ in range(8)} == {200}
        authorization_server.gate.set()
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0


async def test_a_reload_reaches_all_workers_and_keeps_their_connections(
    tmp_path, upstream, authorization_server
):
    whole = document(upstream, authorization_server, admin=f"unix:{tmp_path}/admin.sock")
    async with running(tmp_path, whole, SECRET) as child:
        callers = [await RawCaller.connect(child.address) for _ in range(12)]
        await asyncio.gather(*(asked(caller, "/") for caller in callers))
        whole["routes"].append({"path": "/none", "upstream": "http://127.0.0.1:1"})
        write_configuration(tmp_path, whole)
        assert (await gateway_beside(tmp_path, "reload", **SECRET)).status == 0
        assert {await asked(caller, "/none") for caller in callers} == {502}
        assert len(authorization_server.requests) == 1
        for caller in callers:
            await caller.close()


async def asked(caller, path):
    await caller.send(request("GET", path, "Host: localhost"))
    return (await caller.answer()).status


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"workers": 3}, "workers: the number of processes cannot change"),
        ({"listen": ["127.0.0.1:0", "TAKEN"]}, "the address is in use"),
        ({"listen": {"address": "127.0.0.1:0", "tls": {"certificate": "no.pem", "key": "no.pem"}}}, "no.pem"),
    ],
)
async def test_a_reload_that_one_process_cannot_use_changes_nothing(tmp_path, upstream, change, problem):
    whole = document(upstream, admin=f"unix:{tmp_path}/admin.sock")
    with socket.create_server(("127.0.0.1", 0)) as other:
        async with running(tmp_path, whole) as child:
            text = json.dumps(whole | change)
            text = text.replace("TAKEN", f"127.0.0.1:{other.getsockname()[1]}")
            write_configuration(tmp_path, json.loads(text))
            done = await gateway_beside(tmp_path, "reload")
            assert done.status == 1
            assert problem in done.err
            assert {await answered(child.address) for _ in range(6)} == {200}


async def test_a_new_address_is_bound_for_all_and_an_old_one_ends(tmp_path, upstream):
    whole = document(upstream, admin=f"unix:{tmp_path}/admin.sock")
    async with running(tmp_path, whole) as child:
        path = tmp_path / "callers.sock"
        places = {"listen": [f"unix:{path}", "127.0.0.1:0"]}
        write_configuration(tmp_path, whole | places)
        assert (await gateway_beside(tmp_path, "reload")).status == 0
        caller = await RawCaller.connect(Address(path=str(path)))
        assert await asked(caller, "/") == 200
        await caller.close()
        assert await answered(child.address) == 200  # any port stays the one that it was
        write_configuration(tmp_path, whole | {"listen": f"unix:{path}"})
        assert (await gateway_beside(tmp_path, "reload")).status == 0
        await until(lambda: is_free(child.address.port))
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert not path.exists()


async def test_an_address_that_somebody_else_has_refuses_the_start(tmp_path, upstream):
    """Even a socket that would share it: two gateways that take turns are found by nobody."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        write_configuration(tmp_path, document(upstream, listen=f"127.0.0.1:{port}"))
        done = await gateway_beside(tmp_path, "run")
    assert done.status == 1
    assert f"listen: 127.0.0.1:{port}: the address is in use" in done.err


async def test_whatever_a_worker_cannot_use_refuses_the_start(tmp_path, upstream):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("-----BEGIN NOTHING-----\n")
    tls = {"certificate": "cert.pem", "key": "key.pem"}
    write_configuration(tmp_path, document(upstream, listen={"address": "127.0.0.1:0", "tls": tls}))
    assert (await gateway_beside(tmp_path, "run")).status == 1


async def test_running_requests_finish_and_may_still_need_tokens(tmp_path, upstream, authorization_server):
    """The keeper ends last."""
    authorization_server.gate.clear()
    async with running(tmp_path, document(upstream, authorization_server), SECRET) as child:
        asking = asyncio.ensure_future(answered(child.address))
        await in_progress(child)
        child.signal(signal.SIGTERM)
        await child.until_told("stopping")
        assert (await page(child, "/readyz"))[0] == 503
        authorization_server.gate.set()
        assert await asking == 200
        assert await child.ended() == 0


async def test_a_sigterm_to_all_processes_leaves_tokens_to_whoever_waits(
    tmp_path, upstream, authorization_server
):
    """A service manager sends it to each of them."""
    authorization_server.gate.clear()
    async with running(tmp_path, document(upstream, authorization_server), SECRET) as child:
        asking = asyncio.ensure_future(answered(child.address))
        await in_progress(child)
        for pid in (*children(child.pid), child.pid):
            os.kill(pid, signal.SIGTERM)
        await child.until_told("stopping")
        authorization_server.gate.set()
        assert await asking == 200
        assert await child.ended() == 0


async def test_a_sigterm_during_a_reload_ends_it_too(tmp_path, upstream):
    async with running(tmp_path, document(upstream)) as child:
        child.signal(signal.SIGHUP)
        await child.until_told("SIGHUP")
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0


async def test_a_second_sigterm_ends_everything_at_once(tmp_path, upstream, authorization_server):
    authorization_server.gate.clear()
    async with running(tmp_path, document(upstream, authorization_server), SECRET) as child:
        caller = await RawCaller.connect(child.address)
        await caller.send(request("GET", "/"))
        await in_progress(child)
        processes = children(child.pid)
        child.signal(signal.SIGTERM)
        await child.until_told("stopping")
        child.signal(signal.SIGTERM)
        assert await child.ended() == -signal.SIGTERM
        assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
        await caller.close()


async def test_when_the_supervisor_dies_everything_ends(tmp_path, upstream):
    async with running(tmp_path, document(upstream)) as child:
        processes = children(child.pid)
        child.signal(signal.SIGKILL)
        await until(lambda: not [pid for pid in processes if lives(pid)])
        assert is_free(child.address.port)


def lives(pid):
    """Whether there is such a process, and it is no zombie that nobody has reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
