"""Far ends for tests: a real responder in a process or in a thread, and a UDP relay that loses what it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homecheck.instruments.far_end import FarEnd, Reply, call, find
from homecheck.keys import SoftwareKey
from homecheck.responder.app import Responder
from homecheck.responder.limits import Limits
from homecheck.responder.reflector import Reflector
from homecheck.responder.sessions import Sessions


@dataclass(frozen=True)
class Running:
    """A responder in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    udp_port: int
    kid: str

    @property
    def far_end(self) -> FarEnd:
        return find(self.url)


@contextmanager
def responder_process(home: Path, *options: str, prefix: tuple[str, ...] = ()) -> Iterator[Running]:
    """Run `homecheck responder serve` until the context ends; `prefix` stands before the command."""
    command = [*prefix, sys.executable, "-m", "homecheck", "responder", "serve", "--port", "0", *options]
    environment = {**os.environ, "HOMECHECK_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:2] == ["listening", "on"], words
        yield Running(process, words[2], int(words[4]), words[6])
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclass(frozen=True)
class InThread:
    """A responder in a thread of this process, with everything in reach."""

    url: str
    udp_port: int  # the real one, whatever is announced
    responder: Responder
    key: SoftwareKey

    @property
    def far_end(self) -> FarEnd:
        return find(self.url)


@contextmanager
def responder_thread(
    kind: type[Responder] = Responder, limits: Limits | None = None, announced_udp_port: int | None = None
) -> Iterator[InThread]:
    """Serve `kind` of responder on loopback until the context ends."""
    loop = asyncio.new_event_loop()
    sessions = Sessions(limits or Limits(), time.monotonic)
    reflector = Reflector(sessions, "127.0.0.1", 0)
    key = SoftwareKey.generate()
    responder = kind(sessions, key, announced_udp_port or reflector.port)
    runner = web.AppRunner(
        responder.application(), access_log=None, auto_decompress=False, lingering_time=0.5, shutdown_timeout=0.5
    )
    listener = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()

    async def serve() -> None:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        started.set()
        await stop.wait()
        await asyncio.sleep(0.05)  # a connection that is just being accepted is taken in, so that it can be closed
        await runner.cleanup()
        await asyncio.sleep(0.05)  # connections that were cut off are closed in the loop's next turns

    started = threading.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    reflector.start()
    assert started.wait(10)
    try:
        yield InThread(f"http://127.0.0.1:{listener.getsockname()[1]}", reflector.port, responder, key)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        reflector.stop()
        loop.close()


def open_session(far_end: FarEnd, nonce: str | None = None) -> dict[str, Any]:
    """Open a session and return the answer."""
    reply = call(far_end, "POST", "/v1/sessions", {"nonce": nonce})
    assert reply.status == 201, reply
    answer = json.loads(reply.body)
    assert isinstance(answer, dict)
    return answer


def finish(far_end: FarEnd, session: dict[str, Any]) -> Reply:
    return call(far_end, "POST", f"/v1/sessions/{session['session']}/finish", {}, token=session["token"])


Drop = Callable[[int, int], bool]


class UdpRelay:
    """Passes STAMP packets on; drops those for which `drop_up` or `drop_down` (flow, sequence) says so."""

    def __init__(self, drop_up: Drop, drop_down: Drop, copies_down: int = 1) -> None:
        self.drop_up, self.drop_down, self.copies_down = drop_up, drop_down, copies_down
        self.noise = b""  # sent to the agent before every reply
        self.dropped_up: list[int] = []
        self.dropped_down: list[int] = []
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.running = False

    @property
    def port(self) -> int:
        return int(self.front.getsockname()[1])

    @contextmanager
    def before(self, udp_port: int) -> Iterator[None]:
        """Relay to `udp_port` on loopback until the context ends."""
        self.back.connect(("127.0.0.1", udp_port))
        self.running = True
        thread = threading.Thread(target=self._relay, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.running = False
            thread.join()
            self.front.close()
            self.back.close()

    def _relay(self) -> None:
        agent: Any = None
        while self.running:
            for sock in select.select([self.front, self.back], [], [], 0.1)[0]:
                data, address = sock.recvfrom(2048)
                flow = int.from_bytes(data[26:28], "big") % 4
                if sock is self.front:
                    agent, sequence = address, int.from_bytes(data[:4], "big")
                    if self.drop_up(flow, sequence):
                        self.dropped_up.append(sequence)
                    else:
                        self.back.send(data)
                elif agent is not None:
                    sequence = int.from_bytes(data[48:52], "big")
                    if self.drop_down(flow, sequence):
                        self.dropped_down.append(sequence)
                    else:
                        if self.noise:
                            self.front.sendto(self.noise, agent)
                        for _ in range(self.copies_down):
                            self.front.sendto(data, agent)


@contextmanager
def relayed_responder(relay: UdpRelay, kind: type[Responder] = Responder) -> Iterator[InThread]:
    """Serve with `relay` before the UDP port."""
    with responder_thread(kind, announced_udp_port=relay.port) as running, relay.before(running.udp_port):
        yield running


def write_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Write a self-signed certificate for an IP address and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
