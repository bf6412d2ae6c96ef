"""What an operator learns of a failing upstream, without any caller's answer at hand."""

from tests.wire.messages import ok
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.test_upstream_faults import to


def warnings(caplog):
    return [
        record
        for record in caplog.records
        if record.name == "gateway.route" and record.levelname == "WARNING"
    ]


async def test_an_upstream_that_is_down_is_told_once_however_many_ask(caplog):
    async with Rig(routes=to(), admin=LOOPBACK) as rig:
        for _ in range(20):
            await rig.get()
        (shown,) = [route.health for route in rig.gateway.generation.routes]
        metrics = rig.gateway.metrics.render().decode()
        assert {record.cause for record in rig.told.records} == {"connection_refused"}
    assert [record.fields["cause"] for record in warnings(caplog)] == ["connection_refused"]
    assert warnings(caplog)[0].fields["key"] == "routes[0].upstream"
    assert (shown.failures, shown.is_troubled) == (20, True)
    labels = 'cause="connection_refused",key="routes[0].upstream",route="/",side="upstream",type="upstream_unreachable"'
    assert f"gateway_route_trouble{{{labels}}} 1.0" in metrics


async def test_an_upstream_that_answers_again_is_well_at_once():
    async def closes(exchange):
        exchange.close()

    async with Rig(closes, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        await rig.get()
        (health,) = [route.health for route in rig.gateway.generation.routes]
        assert health.is_troubled
        rig.upstream.script = ok()
        await rig.get()
        assert not health.is_troubled


async def test_an_upstream_that_refuses_tokens_that_are_new_is_told(caplog):
    async def refuses(exchange):
        exchange.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

    async with Rig(refuses) as rig:
        for _ in range(3):
            assert (await rig.get()).status == 401
    (record,) = warnings(caplog)
    assert (record.fields["side"], record.fields["cause"]) == ("upstream", "tokens_refused")
    assert record.fields["key"] == "clients.crm.scope, clients.crm.audience"


async def test_one_path_that_always_says_401_is_no_trouble(caplog):
    """The upstream accepts that very token elsewhere."""

    async def private(exchange):
        is_private = exchange.target == b"/private"
        exchange.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (401 if is_private else 200))

    async with Rig(private) as rig:
        for _ in range(3):
            assert (await rig.get("/open")).status == 200
            assert (await rig.get("/private")).status == 401
    assert [record.fields["cause"] for record in warnings(caplog)] == []


async def test_an_upstreams_own_5xx_are_counted_and_ours_are_not():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
        rig.upstream.script = lambda exchange: _write(
            exchange, b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
        )
        for _ in range(2):
            assert (await rig.get()).status == 503
        rig.upstream.script = _close
        assert (await rig.get()).status == 502
        metrics = rig.gateway.metrics.render().decode()
    assert 'gateway_upstream_errors_total{code="503",route="/"} 2.0' in metrics
    assert 'gateway_upstream_errors_total{code="502",route="/"} 0.0' in metrics


async def _write(exchange, data):
    exchange.write(data)


async def _close(exchange):
    exchange.close()
