"""ndt7 for tests: the responder's server in a thread, M-Lab's own client, and servers that answer as they are told."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from homecheck.keys import SoftwareKey
from homecheck.responder.limits import Limits
from homecheck.responder.serve import ServeSettings, running
from homecheck.standards.ndt7 import SUBPROTOCOL
from homecheck.standards.rfc_6455 import accept_key
from tests.needs import missing, need_program

ROOT = Path(__file__).parents[1]
PACKAGES = ("@m-lab/ndt7@0.1.4", "ws@8")


@contextmanager
def ndt7_responder(limits: Limits, *, ndt7: bool = True, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Run a responder with ndt7 in a thread; yields its address."""
    started, stop, found = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        settings = ServeSettings("127.0.0.1", 0, None, tls, SoftwareKey.generate(), limits, ndt7=ndt7)
        async with running(settings) as listening:
            found.append(listening.url)
            started.set()
            await stop.wait()
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)  # connections that were cut off are closed in the loop's next turns

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Call `answer` with every connection, each in a thread of its own; yields the address."""
    threads = []

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(60)
            answer(connection)

    def accept() -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                threads.append(threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(60)
    for thread in threads:
        thread.join(60)


@contextmanager
def told_server(talk: Callable[[socket.socket], None], *, subprotocol: str = SUBPROTOCOL) -> Iterator[str]:
    """Accept WebSockets and let `talk` say the rest; yields the address."""

    def answer(connection: socket.socket) -> None:
        if key := _key(connection):
            connection.sendall(_welcome(key, subprotocol))
            talk(connection)

    with answering(answer) as url:
        yield url


@contextmanager
def http_answer(answer: bytes) -> Iterator[str]:
    """Answer every request alike; yields the address."""

    def send(connection: socket.socket) -> None:
        if request(connection):
            connection.sendall(answer)

    with answering(send) as url:
        yield url


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame as a server sends it (RFC 6455 5.2), written here anew."""
    size = bytes((len(payload),)) if len(payload) < 126 else b"\x7f" + len(payload).to_bytes(8, "big")
    return bytes((0x80 | opcode,)) + size + payload


def report(seconds: float, received: int) -> bytes:
    """Return a measurement message as a frame."""
    message = {"TCPInfo": {"ElapsedTime": round(seconds * 1e6), "BytesReceived": received}}
    return frame(1, json.dumps(message).encode())


def request(connection: socket.socket) -> bytes:
    """Return the head of a request, empty when none comes."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(4096)
        if not data:
            return b""
        received += data
    return received


def _key(connection: socket.socket) -> str:
    for line in request(connection).decode().split("\r\n"):
        if line.startswith("Sec-WebSocket-Key: "):
            return line.partition(": ")[2]
    return ""


def _welcome(key: str, subprotocol: str) -> bytes:
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def official_client(server: str, protocol: str, prefix: tuple[str, ...] = (), **environment: str) -> dict[str, Any]:
    """Run M-Lab's own client against ``host:port`` and return what it printed."""
    node, folder = need_program("node", package="nodejs"), _packages()
    done = subprocess.run(
        [*prefix, node, str(ROOT / "tests/ndt7_js/run.cjs"), str(folder), server, protocol],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def _packages() -> Path:
    """Return the folder with the client's packages, which `tools/setup test` has filled, or which is filled now."""
    folder = ROOT / ".venv" / "ndt7-js"
    if not (folder / "node_modules" / "@m-lab" / "ndt7").is_dir():
        npm = need_program("npm", package="npm")
        command = [npm, "install", "--silent", "--no-save", "--prefix", str(folder), *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            missing(f"npm cannot install {' '.join(PACKAGES)}: {done.stderr.strip()[:200]}", "sh tools/setup test")
    return folder
