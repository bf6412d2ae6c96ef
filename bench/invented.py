"""`python -m bench.invented`: whether callers notice while others invent tokens at full speed.

Eight connections send ever new tokens, each as fast as it is refused: JWTs whose signature is wrong, and
opaque tokens that the authorization server is asked about, which is quick, slow, or answers nothing. Beside
them are callers that are known, and, from another network, callers that come for the first time. Printed are
how many of theirs succeeded, and how long these took; on quiet connections first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import json
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Self
from urllib.parse import parse_qs

import jwt
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from bench.compiled import RUN
from bench.numbers import positive
from bench.processes import ROOT, free_ports

_ISSUER: Final = "https://login.example.com"
_AUDIENCE: Final = "https://gateway.example.com"
_HERE, _ELSEWHERE = "127.0.0.1", "127.0.0.2"
_KNOWN: Final = 10
_PAUSE_S: Final = 0.02
_CACHE_S: Final = 2


@dataclasses.dataclass(slots=True)
class Server:
    """An authorization server that knows some tokens, and how long it takes; None: for ever."""

    takes_s: float | None = 0.0
    asked: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer questions about tokens."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                token = parse_qs((await reader.readexactly(length)).decode())["token"][0]
                self.asked += 1
                if self.takes_s is None:
                    await _for_ever(writer)
                    break
                await asyncio.sleep(self.takes_s)
                body = json.dumps({"active": token.startswith("good"), "sub": token}).encode()
                writer.write(_answer(body))
        writer.close()


async def _for_ever(writer: asyncio.StreamWriter) -> None:
    """Answer nothing until the other side leaves."""
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _answer(body: bytes) -> bytes:
    kind = b"Content-Type: application/json"
    return b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


async def _upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, EOFError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(_answer(b"{}"))
    writer.close()


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of requests."""

    times_s: list[float] = dataclasses.field(default_factory=list)
    statuses: list[int] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        good = sum(status == 200 for status in self.statuses)
        if not good:
            return f"{0:5} of {len(self.statuses):<6}{'':20}"
        cuts = statistics.quantiles(self.times_s, n=100) if len(self.times_s) > 1 else self.times_s * 99
        return f"{good:5} of {len(self.statuses):<6}{cuts[49] * 1e3:8.1f} {cuts[98] * 1e3:8.1f} ms"


class Connection:
    """A caller's connection, which sends one request at a time."""

    def __init__(self, port: int, source: str = _HERE) -> None:
        self._port, self._source = port, source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()

    async def ask(self, path: str, token: str, outcome: Outcome) -> None:
        """Send a request; note its status, and how long it took if it succeeded."""
        began_s = time.perf_counter()
        status = 0
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(20):
                status = await self._status(path, token)
        outcome.statuses.append(status)
        if status == 200:
            outcome.times_s.append(time.perf_counter() - began_s)

    async def _status(self, path: str, token: str) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(_HERE, self._port, local_addr=(self._source, 0))
        reader, writer = self._streams
        fields = ("Host: 127.0.0.1", f"Authorization: Bearer {token}")
        writer.write("\r\n".join((f"GET {path} HTTP/1.1", *fields, "", "")).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        if b"\r\nconnection: close" in head:
            writer.close()
            self._streams = None
        return int(head.split(b" ")[1])


async def _attack(port: int, path: str, invent: Callable[[], str], outcome: Outcome) -> None:
    async with Connection(port) as connection:
        while True:
            await connection.ask(path, invent(), outcome)


async def _known(port: int, path: str, token: str, outcome: Outcome) -> None:
    async with Connection(port) as connection:
        while True:
            await connection.ask(path, token, outcome)
            await asyncio.sleep(_PAUSE_S)


async def _new(port: int, path: str, tokens: Callable[[], str], outcome: Outcome) -> None:
    while True:
        async with Connection(port, _ELSEWHERE) as connection:
            await connection.ask(path, tokens(), outcome)
        await asyncio.sleep(_PAUSE_S)


class Issuer:
    """Signs the tokens of those who are known, and forges others."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._serial = itertools.count()
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        self.keys = {"keys": [{**public, "kid": "1"}]}
        self._one = self.token()

    def token(self) -> str:
        """Return a new token."""
        now_s = int(time.time())
        claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": f"caller-{next(self._serial)}"}
        times = {"iat": now_s, "exp": now_s + 3600}
        return jwt.encode(claims | times, self._key, "ES256", headers={"kid": "1", "typ": "at+jwt"})

    def forged(self) -> str:
        """Return a new token whose signature is wrong, at next to no cost."""
        return self._one[:-10] + f"{next(self._serial):09}A"

    def opaque(self) -> str:
        """Return a new token that no server knows."""
        return f"invented-{next(self._serial)}"

    def good(self) -> str:
        """Return a new token that the server knows."""
        return f"good-{next(self._serial)}"


def _configuration(ports: Sequence[int], keys: pathlib.Path) -> str:
    listen, api, server = ports
    way = {"issuer": _ISSUER, "audience": _AUDIENCE, "keys": str(keys)}
    question = {
        "client": "gw",
        "endpoint": f"http://127.0.0.1:{server}/introspect",
        "cache": f"{_CACHE_S}s",
    }
    client = {"token_endpoint": f"http://127.0.0.1:{server}/token", "client_id": "gw", "client_secret": "x"}
    upstream = {"upstream": f"http://127.0.0.1:{api}"}
    whole = {
        "listen": f"127.0.0.1:{listen}",
        "admin": "off",
        "log": {"access": "off", "level": "error"},
        "callers": {"staff": {"jwt": way}, "opaque": {"introspection": question}},
        "clients": {"gw": {**client, "timeout": "5s"}},
        "routes": [
            {"path": "/jwt", "access": [{"caller": "staff"}], **upstream},
            {"path": "/opaque", "access": [{"caller": "opaque"}], **upstream},
        ],
    }
    return json.dumps(whole)


def _written(folder: pathlib.Path, ports: Sequence[int], issuer: Issuer) -> pathlib.Path:
    keys, config = folder / "keys.json", folder / "gateway.yaml"
    keys.write_text(json.dumps(issuer.keys))
    config.write_text(_configuration(ports, keys))
    return config


@contextlib.asynccontextmanager
async def _gateway(checkout: pathlib.Path, server: Server, issuer: Issuer) -> AsyncIterator[int]:
    ports = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = _written(pathlib.Path(folder), ports, issuer)
        await asyncio.start_server(_upstream, _HERE, ports[1])
        await asyncio.start_server(server.serve, _HERE, ports[2])
        argv = (sys.executable, "-P", "-c", RUN, str(checkout), "run", "-c", str(config))
        gateway = await asyncio.create_subprocess_exec(*argv)
        try:
            for _ in range(200):
                probe = Outcome()
                async with Connection(ports[0]) as connection:
                    await connection.ask("/jwt", "x", probe)
                if probe.statuses[0]:
                    break
                await asyncio.sleep(0.05)
            yield ports[0]
        finally:
            if gateway.returncode is None:
                gateway.kill()
            await gateway.wait()


async def _bout(
    port: int, path: str, issuer: Issuer, invent: Callable[[], str] | None, options: argparse.Namespace
) -> tuple[Outcome, Outcome, Outcome]:
    known, new, attacks = Outcome(), Outcome(), Outcome()
    fresh = issuer.token if path == "/jwt" else issuer.good
    tasks = [asyncio.create_task(_known(port, path, fresh(), known)) for _ in range(_KNOWN)]
    await asyncio.sleep(1.0)  # until they are known
    if invent is not None:
        tasks += [
            asyncio.create_task(_attack(port, path, invent, attacks)) for _ in range(options.connections)
        ]
        await asyncio.sleep(1.0)
    known.statuses.clear()
    known.times_s.clear()
    attacks.statuses.clear()
    tasks.append(asyncio.create_task(_new(port, path, fresh, new)))
    await asyncio.sleep(options.seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return known, new, attacks


async def _run(options: argparse.Namespace) -> None:
    server, issuer = Server(), Issuer()
    bouts: list[tuple[str, str, Callable[[], str] | None, float | None]] = [
        ("JWTs, nobody invents any", "/jwt", None, 0.0),
        ("JWTs, forged ones", "/jwt", issuer.forged, 0.0),
        ("opaque, nobody invents any", "/opaque", None, 0.0),
        ("opaque, invented, a quick server", "/opaque", issuer.opaque, 0.0),
        ("opaque, a server that takes 0.5 s, none", "/opaque", None, 0.5),
        ("opaque, a server that takes 0.5 s", "/opaque", issuer.opaque, 0.5),
        ("opaque, a server that answers nothing", "/opaque", issuer.opaque, None),
    ]
    async with _gateway(options.checkout.resolve(), server, issuer) as port:
        columns = f"{'known: p50, p99':36}{'new, from elsewhere: p50, p99':36}{'invented/s':>10} asked/s"
        sys.stdout.write(f"{'':42}{columns}\n")
        for title, path, invent, takes_s in bouts:
            server.takes_s = takes_s if takes_s is not None else 0.0
            if takes_s is None:
                asyncio.get_running_loop().call_later(1.5, setattr, server, "takes_s", None)
            asked = server.asked
            known, new, attacks = await _bout(port, path, issuer, invent, options)
            rates = (len(attacks.statuses) / options.seconds, (server.asked - asked) / options.seconds)
            sys.stdout.write(f"{title:42}{known!s:36}{new!s:36}{rates[0]:10.0f}{rates[1]:8.0f}\n")
            sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.invented", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("checkout", type=pathlib.Path, nargs="?", default=ROOT, help="(this one)")
    parser.add_argument("--connections", type=positive, default=8, help="that invent tokens (8)")
    parser.add_argument("--seconds", type=positive, default=5, help="for each line (5)")
    uvloop.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
