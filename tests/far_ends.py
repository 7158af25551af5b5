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
from collections.abc import Callable, Iterator, Mapping
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
from mmdb_writer import MMDBWriter
from netaddr import IPSet

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
def responder_process(
    home: Path,
    *options: str,
    prefix: tuple[str, ...] = (),
    program: tuple[str, ...] = (sys.executable, "-m", "homecheck"),
) -> Iterator[Running]:
    """Run `homecheck responder serve` until the context ends; `prefix` stands before the command."""
    any_port = [f"--{name}=0" for name in ("port", "stun-port", "sip-port", "sip-control-port")]
    command = [*prefix, *program, "responder", "serve", *any_port, *options]
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
            process.wait(60)
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
    assert started.wait(60)
    try:
        yield InThread(f"http://127.0.0.1:{listener.getsockname()[1]}", reflector.port, responder, key)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
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
    """Passes STAMP packets on; drops those for which `drop_up` or `drop_down` (flow, sequence) says so.

    Those of `hold_up` and `hold_down` come after the next one; those of `twice_up` come twice.
    """

    def __init__(
        self,
        drop_up: Drop,
        drop_down: Drop,
        copies_down: int = 1,
        *,
        hold_up: Drop = lambda _flow, _sequence: False,
        hold_down: Drop = lambda _flow, _sequence: False,
        twice_up: Drop = lambda _flow, _sequence: False,
    ) -> None:
        self.drop_up, self.drop_down, self.copies_down = drop_up, drop_down, copies_down
        self.hold_up, self.hold_down, self.twice_up = hold_up, hold_down, twice_up
        self.held_up: list[bytes] = []
        self.held_down: list[bytes] = []
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
                    elif self.hold_up(flow, sequence):
                        self.held_up.append(data)
                    else:
                        for packet in (data, *([data] if self.twice_up(flow, sequence) else []), *self.held_up):
                            self.back.send(packet)
                        self.held_up.clear()
                elif agent is not None:
                    sequence = int.from_bytes(data[48:52], "big")
                    if self.drop_down(flow, sequence):
                        self.dropped_down.append(sequence)
                    elif self.hold_down(flow, sequence):
                        self.held_down.append(data)
                    else:
                        if self.noise:
                            self.front.sendto(self.noise, agent)
                        for packet in (*[data] * self.copies_down, *self.held_down):
                            self.front.sendto(packet, agent)
                        self.held_down.clear()


@contextmanager
def relayed_responder(relay: UdpRelay, kind: type[Responder] = Responder) -> Iterator[InThread]:
    """Serve with `relay` before the UDP port."""
    with responder_thread(kind, announced_udp_port=relay.port) as running, relay.before(running.udp_port):
        yield running


def write_regions(path: Path, records: Mapping[str, dict[str, Any]], ip_version: int = 6) -> Path:
    """Write a file in MaxMind's DB format with one record for each network, and return it."""
    writer = MMDBWriter(ip_version, "Test-City", ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def write_certificate(
    folder: Path, address: str, name: x509.Name | None = None, now: datetime | None = None
) -> tuple[Path, Path]:
    """Write a self-signed certificate for an IP address and its key; return both files. It is valid around `now`."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]) if name is None else name
    now = now or datetime.now(UTC)
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
