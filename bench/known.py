"""`python -m bench.known`: what it costs a request that its caller is known, beside `access: anyone`.

One gateway has both routes. Both get the same requests, turn by turn: from callers with a token each, spread
over all connections, as behind a load balancer; and from callers with a connection each.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Sequence

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from bench import client, compiled, kernel, programs
from bench.compiled import RUN
from bench.configs import CLIENT_SECRET
from bench.note import note
from bench.numbers import positive
from bench.pair_figures import Cost, Pair, is_quiet
from bench.plan import QUICK
from bench.processes import FAILURES, ROOT, ended_in_order, wait_until
from bench.stage import Stage, stage
from bench.wrk import Wrk

_ISSUER = "https://login.example.com"
_AUDIENCE = "https://gateway.example.com"
_BOUT_S = 2
_THREADS = 16
"""Of those connections that have a caller each; more would compete for the processor of the load."""
_SHARED = """
local number = 0
request = function()
  number = number % #tokens + 1
  return string.format(head, tokens[number])
end
"""
_OWN = """
local threads = 0
setup = function(thread)
  threads = threads + 1
  thread:set("number", threads)
end
init = function()
  mine = string.format(head, tokens[number])
end
request = function()
  return mine
end
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway with both routes."""

    pid: int
    listen: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.known", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=pathlib.Path, nargs="?", default=ROOT, help="(this one)")
    parser.add_argument("--compiled", action="store_true", help="compiled by mypyc")
    parser.add_argument("--callers", type=positive, default=1_000)
    parser.add_argument("--pairs", type=positive, default=10, help="of four seconds each (10)")
    options = parser.parse_args(arguments)
    try:
        with ended_in_order():
            _measure(options)
    except KeyboardInterrupt:
        note("interrupted; everything that was started has been ended")
        return 1
    except (compiled.NotCompiledError, programs.NothingToMeasureError, *FAILURES) as error:
        note(str(error))
        return 1
    return 0


def _measure(options: argparse.Namespace) -> None:
    checkout = options.checkout.resolve()
    folder = compiled.folder(checkout) if options.compiled else checkout
    with stage(programs.find([]), QUICK) as built:
        gateway, tokens = _started(built, folder, max(options.callers, _THREADS))
        for title, lua, threads in (
            ("spread over the connections", _SHARED, 1),
            ("on their own", _OWN, _THREADS),
        ):
            wrks = [
                built.wrk.also(f"{path}-{threads}.lua", _script(path, gateway, tokens) + lua, threads)
                for path in ("known", "anyone")
            ]
            for warm in wrks * 2:
                _cost(gateway, warm)
            pairs = [(_cost(gateway, wrks[0]), _cost(gateway, wrks[1])) for _ in range(options.pairs)]
            sys.stdout.write(
                _row(f"{options.callers if lua is _SHARED else threads} callers, {title}", pairs)
            )
            sys.stdout.flush()


def _started(built: Stage, folder: pathlib.Path, callers: int) -> tuple[Gateway, list[str]]:
    front, directory = built.front("known"), built.places.directory
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    (directory / "keys.json").write_text(json.dumps({"keys": [{**public, "kid": "1"}]}))
    config = built.write("known.yaml", _configuration(built, front.listen, front.admin, front.client_id))
    argv = (sys.executable, "-P", "-c", RUN, str(folder), "run", "-c", config)
    child = built.processes.start("known", argv, built.proxy_cpu)
    wait_until(lambda: client.status(front.admin, "/readyz") == 200, child)
    tokens = [_token(key, number) for number in range(callers)]
    return Gateway(child.pid, front.listen), tokens


def _token(key: ec.EllipticCurvePrivateKey, number: int) -> str:
    now_s = int(time.time())
    who = {"sub": f"caller-{number}", "client_id": f"client-{number}", "email": f"{number}@example.com"}
    what = {"scope": "orders.read orders.write", "department": "sales", "roles": ["clerk", "reader"]}
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "iat": now_s, "exp": now_s + 3600, **who, **what}
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": "1", "typ": "at+jwt"})


def _configuration(built: Stage, listen: int, admin: int, client_id: str) -> str:
    places = built.places
    way = {"issuer": _ISSUER, "audience": _AUDIENCE, "keys": str(places.directory / "keys.json")}
    upstream = {"upstream": f"http://127.0.0.1:{places.api}", "client": "bench"}
    rule = [{"caller": "staff", "scope": "orders.read", "claims": {"department": ["sales", "support"]}}]
    endpoint = f"http://127.0.0.1:{places.authorization_server}/token/3600"
    whole = {
        "listen": f"127.0.0.1:{listen}",
        "admin": f"127.0.0.1:{admin}",
        "log": {"access": "off"},
        "callers": {"staff": {"jwt": way}},
        "clients": {
            "bench": {"token_endpoint": endpoint, "client_id": client_id, "client_secret": CLIENT_SECRET}
        },
        "routes": [
            {"path": "/anyone", "access": "anyone", **upstream},
            {"path": "/known", "access": rule, **upstream},
        ],
    }
    return json.dumps(whole)


def _script(path: str, gateway: Gateway, tokens: list[str]) -> str:
    fields = (f"Host: 127.0.0.1:{gateway.listen}", "Authorization: Bearer %s")
    head = "\\r\\n".join((f"GET /{path} HTTP/1.1", *fields, "", ""))
    return f'head = "{head}"\ntokens = {{{", ".join(map(json.dumps, tokens))}}}\n'


def _cost(gateway: Gateway, wrk: Wrk) -> Cost:
    url = f"http://127.0.0.1:{gateway.listen}/"
    while True:
        before = kernel.clocks(gateway.pid)
        outcome = wrk.run(url, QUICK.connections, _BOUT_S)
        used = kernel.clocks(gateway.pid) - before
        if outcome.requests:  # on a machine that is too busy, wrk comes to none
            break
    if outcome.failures:
        note(f"{outcome.failures} of {outcome.requests} requests failed")
    wall_ns = outcome.duration_us * 1000
    return Cost(used.cpu_ns / 1000 / outcome.requests, used.busy(wall_ns), used.kept_waiting(wall_ns))


def _row(title: str, pairs: Sequence[Pair]) -> str:
    quiet = [pair for pair in pairs if is_quiet(pair)]
    taken = quiet if 2 * len(quiet) >= len(pairs) else pairs
    more_us = [known.cpu_us - anyone.cpu_us for known, anyone in taken]
    low, middle, high = statistics.quantiles(more_us, n=4) if len(more_us) > 1 else more_us * 3
    known_us, anyone_us = (statistics.median(one.cpu_us for one in side) for side in zip(*taken, strict=True))
    return (
        f"{title:45}{known_us:7.1f}{anyone_us:7.1f}  {middle:+.1f} µs  quartiles {low:+.1f}, {high:+.1f}"
        f"  {len(quiet)} of {len(pairs)} quiet\n"
    )


if __name__ == "__main__":
    sys.exit(main())
