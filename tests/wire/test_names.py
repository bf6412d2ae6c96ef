"""Names whose DNS hangs, through the whole gateway: nobody else waits for them."""

from __future__ import annotations

import asyncio

from gateway.core.settings.route_settings import Timeouts
from tests.net.look_ups import Zone
from tests.wire.messages import request
from tests.wire.rig import Rig
from tests.wire.servers import WAIT_S

SHORT = Timeouts(connect_s=0.3, response_s=20.0, idle_s=20.0)


def two_names(rig):
    """A route to a name that is never found, and one to a name that is."""
    sick = rig.upstream_settings(host="sick.test")
    well = rig.upstream_settings(host="well.test")
    return [
        rig.route("/sick", upstream=sick, has_token=False, timeouts=SHORT),
        rig.route("/well", upstream=well, has_token=False),
    ]


async def test_a_name_whose_look_up_hangs_delays_no_other_name_and_not_the_end():
    with Zone(well_test=["127.0.0.1"]) as zone:
        zone.hold("sick.test")
        async with Rig(routes=two_names, get_addr_info=zone) as rig:
            sick = [await rig.caller() for _ in range(8)]
            waiting = [asyncio.create_task(caller.ask(request("GET", "/sick"))) for caller in sick]
            await zone.until(lambda: zone.asked)
            assert (await rig.get("/well")).status == 200
            answers = await asyncio.gather(*waiting)
            assert {(each.status, each.code) for each in answers} == {(504, "upstream_connect_timeout")}
            assert (zone.asked, zone.running) == (["sick.test", "well.test"], 1)
            async with asyncio.timeout(WAIT_S):
                await rig.gateway.close()
            assert zone.running == 1


async def test_a_look_up_that_lands_late_serves_those_who_come_then():
    with Zone(sick_test=["127.0.0.1"]) as zone:
        zone.hold("sick.test")
        async with Rig(routes=two_names, get_addr_info=zone) as rig:
            assert (await rig.get("/sick")).status == 504
            zone.let_go("sick.test")
            assert (await rig.get("/sick")).status == 200
            assert zone.asked == ["sick.test"]


async def test_requests_on_a_kept_connection_cost_no_look_up():
    with Zone(well_test=["127.0.0.1"]) as zone:
        async with Rig(routes=two_names, get_addr_info=zone) as rig:
            for _ in range(20):
                assert (await rig.get("/well")).status == 200
            assert (zone.asked, rig.upstream.connections) == (["well.test"], 1)


async def test_the_host_is_the_names_wherever_it_leads():
    with Zone(well_test=["127.0.0.1"]) as zone:
        async with Rig(routes=two_names, get_addr_info=zone) as rig:
            await rig.get("/well")
            host = b"well.test:%d" % rig.upstream.port
            assert rig.upstream.requests[0].head.value("Host") == host


async def test_failures_are_counted_by_name():
    with Zone() as zone:
        async with Rig(routes=two_names, get_addr_info=zone) as rig:
            answer = await rig.get("/well")
            assert (answer.status, answer.code) == (502, "upstream_name_unresolved")
            lines = rig.gateway.metrics.render().decode().splitlines()
    family = "gateway_name_resolution_failures_total"
    assert f'{family}{{name="well.test",outcome="absent"}} 1.0' in lines
    assert f'{family}{{name="sick.test",outcome="absent"}} 0.0' in lines
