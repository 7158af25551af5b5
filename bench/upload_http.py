"""CPU that HTTP alone takes of an upload: on the short way, on the long one, and with a bare parser on the same loop.

PYTHONPATH=. .venv/bin/python bench/upload_http.py [--requests N] [--waves N] [--most SHARE]

Uploads are answered without being looked at, so only HTTP is measured: server and kernel, per request, the three ways
in turn. Ends with 1 when the short way costs more than SHARE of the long one (docs/decisions/0200).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httptools
import psutil
import uvicorn
import uvloop

from homecheck.clock import utc_now
from homecheck.collector import setup
from homecheck.collector.app import application
from homecheck.collector.bench.load import Address, Sender
from homecheck.collector.bounded_http import BoundedHttp
from homecheck.collector.intake import Upload
from homecheck.collector.logs import RequestLines
from homecheck.collector.reception import Found, Reception
from homecheck.collector.serve import AnnouncingServer
from homecheck.collector.store.evidence import Kept
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.collector.watch import Watch
from homecheck.listening import listen

HOST = "127.0.0.1"
ID = "01930000-0000-7000-8000-000000000000"
BODY = b"a" * 10_600  # an envelope of 8 kB
RECEIPT = b"b" * 3_000
CLIENTS = 64
MOST_SHARE = 0.75
ODD = "X-Odd: 1\r\n"  # a line that takes a request the long way


def serve_collector() -> None:
    """Serve a collector that takes whatever comes, and say where."""

    def welcome(_: Reception, __: Upload, tell: Callable[[Found], None]) -> None:
        tell(Kept(RECEIPT, created=True))

    Reception.welcome = welcome  # type: ignore[assignment, method-assign]  # all that is behind HTTP is left out
    with tempfile.TemporaryDirectory() as folder, listen(HOST, 0, CLIENTS) as listener:
        database = SqliteDatabase(Path(folder) / "http.db")
        setup.create(database, "Bench", f"http://{HOST}", utc_now())
        app = application(setup.load(database), Watch(tell=RequestLines("text")))
        config = uvicorn.Config(
            app, http=BoundedHttp, lifespan="on", ws="none", access_log=False, log_config=None, server_header=False,
            proxy_headers=False,
        )  # fmt: skip
        AnnouncingServer(config, lambda: print(listener.getsockname()[1], flush=True)).run(sockets=[listener])


class Bare(asyncio.Protocol):
    """Nothing but a parser: reads a request and writes an answer of the same size."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep the body."""
        self.body = body

    def on_message_complete(self) -> None:
        """Answer."""
        self.transport.write(b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n" % len(RECEIPT) + RECEIPT)


async def serve_bare() -> None:
    """Serve with the parser alone, and say where."""
    server = await asyncio.get_running_loop().create_server(Bare, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(kind: str) -> Iterator[tuple[Address, psutil.Process]]:
    """Serve in a process of its own."""
    command = (sys.executable, __file__, "--serve", kind)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Address(HOST, int(process.stdout.readline())), psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


async def wave(address: Address, request: bytes, number: int) -> None:
    """Send a request `number` times, from several clients."""
    senders = [await Sender.to(address) for _ in range(CLIENTS)]
    left = iter(range(number))

    async def send(sender: Sender) -> None:
        for _ in left:
            status, body = await sender.send(request)
            assert (status, len(body)) == (201, len(RECEIPT)), (status, body)

    await asyncio.gather(*map(send, senders))
    for sender in senders:
        sender.close()


def measure(number: int, waves: int) -> dict[str, list[float]]:
    """Return the processor time of a request in us, wave by wave, of each way."""
    found: dict[str, list[float]] = {"short": [], "long": [], "bare": []}
    with running("collector") as (collector, ours), running("bare") as (parser, theirs):
        request = collector.request("PUT", f"/v1/evidence/{ID}", "application/jose", BODY)
        odd = request.replace(b"\r\n", f"\r\n{ODD}".encode(), 1)
        ways = (("short", collector, ours, request), ("long", collector, ours, odd), ("bare", parser, theirs, request))
        for turn in range(waves + 1):
            for name, address, process, sent in ways:
                before = process.cpu_times()
                asyncio.run(wave(address, sent, number))
                after = process.cpu_times()
                if turn:  # the first wave warms up
                    spent = after.user + after.system - before.user - before.system
                    found[name].append(spent / number * 1e6)
    return found


def main() -> int:
    """Measure, print, compare."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--requests", type=int, default=3_000, help="of each wave")
    asked.add_argument("--waves", type=int, default=6)
    asked.add_argument("--most", type=float, default=MOST_SHARE, help="of the long way that the short one may cost")
    asked.add_argument("--serve", choices=("collector", "bare"), help=argparse.SUPPRESS)
    chosen = asked.parse_args()
    if chosen.serve == "collector":
        serve_collector()
    elif chosen.serve == "bare":
        uvloop.run(serve_bare())
    else:
        found = measure(chosen.requests, chosen.waves)
        for name, spent in found.items():
            print(f"{name:6} {statistics.median(spent):4.0f} us a request (least {min(spent):.0f})")
        share = statistics.median(found["short"]) / statistics.median(found["long"])
        print(f"the short way costs {share:.2f} of the long one (limit {chosen.most:g})")
        return int(share > chosen.most)
    return 0


if __name__ == "__main__":
    sys.exit(main())
