"""What reflecting costs: CPU time of the responder per packet, with a thousand calls at once; irtt's server beside it.

    .venv/bin/python bench/reflector.py                     over loopback
    sudo .venv/bin/python bench/reflector.py --path veth    between two network namespaces (as root)

Every session is opened over HTTP as an agent does it, then sends 50 packets of 172 bytes a second. All packets are made
beforehand; this process only sends and receives them. The CPU time is that of the responder's process, user and system,
everything in it.

First the thread that answers is measured alone, some packets of different sessions waiting at a time: its least
is what it costs when nobody else uses the processor. Then comes the whole responder under the load.

Over loopback, and over veth as well, the kernel delivers a packet within the send call: the responder pays for taking
its replies through this process' IP stack, and this process pays for taking its packets through the responder's. A
network card has it the other way round; the sum is the same, less the card's driver.

Void: this process was late, or its own socket lost replies.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import hmac
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.instruments import packet_clock
from homecheck.responder.limits import Limits
from homecheck.responder.reflector import Reflector
from homecheck.responder.sessions import Sessions
from homecheck.signing import decode_base64url
from homecheck.standards.rfc_2104 import PreparedKey
from homecheck.standards.rfc_8762 import VOICE_LENGTH, Request, pack_request
from tests.far_ends import open_session, responder_process, write_certificate

RATE: Final = 50  # packets a second of one session
LIMIT_US: Final = 20.0  # 50,000 packets a second on one core
PORTION: Final = 200  # packets that have room in a socket's buffer of usual size
LEAST_ANSWERED: Final = 0.999
LATE_S: Final = 0.02  # that this process may lag behind before the run is void
SLOTS: Final = 256
SLOT_BYTES: Final = 256
CONTROL_BYTES: Final = 64
MESSAGE: Final = np.dtype(  # struct mmsghdr, 64 bit
    [
        ("name", "u8"), ("name_length", "u4"), ("_1", "u4"), ("iov", "u8"), ("iov_count", "u8"),
        ("control", "u8"), ("control_length", "u8"), ("flags", "u4"), ("_2", "u4"), ("length", "u4"), ("_3", "u4"),
    ]
)  # fmt: skip
IOVEC: Final = np.dtype([("base", "u8"), ("length", "u8")])
LIBC: Final = ctypes.CDLL(None, use_errno=True)
NTP_FRACTION: Final = 1e9 / 2**32

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Load:
    """Packets ready to be sent, in sending order, and how to tell from a reply which of them it answers."""

    packets: Array  # one row each
    number_of: Callable[[Array], Array]
    kept_ns: Callable[[Array], Array] | None = None  # time between arrival and reply


@dataclass(frozen=True)
class Outcome:
    """What came of a load."""

    sent: int
    answered: int
    repeated: int
    rtt_us: Array  # from send call to arrival
    path_us: Array | None  # without what the reflector says it kept the packet
    late_s: float
    lost_here: int

    @property
    def void(self) -> bool:
        return self.late_s > LATE_S or self.lost_here > 0


class Generator:
    """A UDP socket, and buffers for sending and receiving without work per packet."""

    def __init__(self, sock: socket.socket, load: Load) -> None:
        self.socket, self.load = sock, load
        self.out, self._out_iov = self._messages(load.packets)
        self.slots = np.zeros((SLOTS, SLOT_BYTES), np.uint8)
        self.control = np.zeros((SLOTS, CONTROL_BYTES), np.uint8)
        self.into, self._in_iov = self._messages(self.slots)
        self.into["control"] = self.control.ctypes.data + CONTROL_BYTES * np.arange(SLOTS, dtype=np.uint64)
        self.into["control_length"] = CONTROL_BYTES
        self.fresh = self.into.copy()

    def _messages(self, rows: Array) -> tuple[Array, Array]:
        count, width = rows.shape
        iovecs, messages = np.zeros(count, IOVEC), np.zeros(count, MESSAGE)
        iovecs["base"] = rows.ctypes.data + width * np.arange(count, dtype=np.uint64)
        iovecs["length"] = width
        messages["iov"] = iovecs.ctypes.data + IOVEC.itemsize * np.arange(count, dtype=np.uint64)
        messages["iov_count"] = 1
        return messages, iovecs

    def run(self, rate: float) -> Outcome:
        """Send everything at `rate` packets a second, and take what comes back until a second after."""
        count = len(self.load.packets)
        sent_ns = np.zeros(count, np.int64)
        replies: list[tuple[Array, Array]] = []
        begin, sent, late = time.monotonic(), 0, 0.0
        while (passed := time.monotonic() - begin) < count / rate + 1:
            due = min(count, int(passed * rate))
            if due > sent:
                late = max(late, passed - sent / rate)
                sent_ns[sent:due] = time.time_ns()
                sent = self._send(sent, due)
            while self._receive(replies) == SLOTS:
                pass
            time.sleep(2e-4)
        return self._outcome(sent_ns, replies, late)

    def _send(self, begin: int, end: int) -> int:
        done = LIBC.sendmmsg(
            self.socket.fileno(), ctypes.c_void_p(self.out.ctypes.data + begin * MESSAGE.itemsize), end - begin, 0
        )
        if done < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        return begin + int(done)

    def _receive(self, replies: list[tuple[Array, Array]]) -> int:
        self.into[:] = self.fresh
        got = LIBC.recvmmsg(
            self.socket.fileno(), ctypes.c_void_p(self.into.ctypes.data), SLOTS, socket.MSG_DONTWAIT, None
        )
        if got > 0:
            replies.append((self.slots[:got].copy(), self.control[:got, 16:32].copy()))
        return int(got)

    def _outcome(
        self,
        sent_ns: Array,
        replies: Sequence[tuple[Array, Array]],
        late: float,
    ) -> Outcome:
        data = np.concatenate([one for one, _ in replies])
        stamps = np.concatenate([one for _, one in replies]).view(np.int64)
        arrived_ns = stamps[:, 0] * 1_000_000_000 + stamps[:, 1]
        numbers = self.load.number_of(data)
        rtt_ns = arrived_ns - sent_ns[numbers]
        path = None if self.load.kept_ns is None else (rtt_ns - self.load.kept_ns(data)) / 1e3
        answered = len(np.unique(numbers))
        lost = struct.unpack_from("=I", self.socket.getsockopt(socket.SOL_SOCKET, 55, 36), 32)[0]  # SO_MEMINFO, drops
        return Outcome(len(sent_ns), answered, len(numbers) - answered, rtt_ns / 1e3, path, late, lost)


def stamp_load(sessions: Sequence[dict[str, Any]], seconds: int) -> Load:
    """Return what `sessions` of the responder send in `seconds`."""
    keys = [PreparedKey(decode_base64url(session["udp"]["key"])) for session in sessions]
    ssids = [session["udp"]["ssid"] for session in sessions]
    now, rounds = time.time_ns(), RATE * seconds
    packets = b"".join(
        pack_request(Request(sequence, ssid, now), key)
        for sequence in range(rounds)
        for ssid, key in zip(ssids, keys, strict=True)
    )
    place = np.zeros(65536, np.int64)
    place[ssids] = np.arange(len(ssids))

    def number_of(data: Array) -> Array:
        sequence, ssid = big_endian(data, 48, ">u4"), big_endian(data, 26, ">u2")
        return sequence.astype(np.int64) * len(ssids) + place[ssid]

    def kept_ns(data: Array) -> Array:
        fractions = big_endian(data, 16, ">u8") - big_endian(data, 32, ">u8")
        return fractions.astype(np.int64) * NTP_FRACTION

    return Load(np.frombuffer(packets, np.uint8).reshape(-1, VOICE_LENGTH), number_of, kept_ns)


def big_endian(data: Array, offset: int, kind: str) -> Array:
    """Return one field of all datagrams."""
    width = np.dtype(kind).itemsize
    return np.ascontiguousarray(data[:, offset : offset + width]).view(kind)[:, 0]


IRTT_KEY: Final = b"0123456789abcdef"


def irtt_packet(flags: int, rest: bytes, length: int = 0) -> bytes:
    """Return a packet of irtt 0.9: magic, flags, HMAC-MD5 over everything with zeros in its place, the rest."""
    rest = rest.ljust(max(0, length - 20), b"\0")
    head = b"\x14\xa7\x5b" + bytes([flags | 8])
    return head + hmac.digest(IRTT_KEY, head + bytes(16) + rest, hashlib.md5) + rest


def irtt_load(sock: socket.socket, sessions: int, seconds: int) -> Load:
    """Open `sessions` connections to irtt's server and return what they send in `seconds`."""
    # Parameters as varints: version 1, duration, interval 20 ms, length 172, both timestamps, both clocks.
    wanted = b"".join(
        bytes([number]) + varint(2 * value)
        for number, value in (
            (1, 1), (2, (seconds + 30) * 10**9), (3, 20_000_000), (4, VOICE_LENGTH), (6, 3), (7, 3)
        )
    )  # fmt: skip
    tokens = []
    for _ in range(sessions):
        sock.send(irtt_packet(1, bytes(8) + wanted))
        tokens.append(sock.recv(2048)[20:28])
    packets = b"".join(
        irtt_packet(0, token + struct.pack("<I", sequence), VOICE_LENGTH)
        for sequence in range(RATE * seconds)
        for token in tokens
    )
    values = np.frombuffer(b"".join(tokens), "<u8")
    order = np.argsort(values)

    def number_of(data: Array) -> Array:
        token, sequence = big_endian(data, 20, "<u8"), big_endian(data, 28, "<u4")
        return sequence.astype(np.int64) * sessions + order[np.searchsorted(values[order], token)]

    return Load(np.frombuffer(packets, np.uint8).reshape(-1, VOICE_LENGTH), number_of)


def varint(value: int) -> bytes:
    """Return an unsigned LEB128 number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def udp_socket(host: str, port: int) -> socket.socket:
    """Return a connected socket with room for replies and with kernel timestamps."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, 33 if os.geteuid() == 0 else socket.SO_RCVBUF, 16 * 1024 * 1024)  # RCVBUFFORCE
    sock.settimeout(5)
    sock.connect((host, port))
    packet_clock.ask_for_timestamps(sock)
    return sock


def measure(name: str, process: psutil.Process, sock: socket.socket, load: Load, rate: float) -> bool:
    """Run a load against a server and print what it cost; tell whether the figures mean something."""
    generator = Generator(sock, load)
    before, own = process.cpu_times(), time.process_time()
    outcome = generator.run(rate)
    after = process.cpu_times()
    user, system = after.user - before.user, after.system - before.system
    cost = 1e6 * (user + system) / max(1, outcome.answered)
    print(
        f"{name}: {cost:.1f} us of CPU per packet ({1e6 * user / outcome.answered:.1f} user, "
        f"{1e6 * system / outcome.answered:.1f} system), "
        f"{100 * (user + system) * rate / outcome.sent:.0f} % of a core; "
        f"answered {outcome.answered} of {outcome.sent}, twice {outcome.repeated}; "
        f"RTT {quantiles(outcome.rtt_us)} us"
        + (f", less the time kept {quantiles(outcome.path_us)} us" if outcome.path_us is not None else "")
        + f"; generator {100 * (time.process_time() - own) * rate / outcome.sent:.0f} % of a core, "
        f"at most {1e3 * outcome.late_s:.1f} ms late" + (": VOID" if outcome.void else "")
    )
    kept_up = outcome.answered >= LEAST_ANSWERED * outcome.sent
    return not outcome.void and (name.startswith("irtt") or (kept_up and cost <= LIMIT_US))


def quantiles(values: Array) -> str:
    return "p50 {:.0f} p99 {:.0f}".format(*np.quantile(values, [0.5, 0.99]))


@contextmanager
def veth(address: str) -> Iterator[tuple[str, ...]]:
    """Put the server's end of a cable into a namespace of its own; yield what stands before a command there."""
    name = f"hcscale{os.getpid()}"
    commands = f"""ip netns add {name}
ip link add hcs{os.getpid()} type veth peer name eth0 netns {name}
ip addr add 198.18.0.2/30 dev hcs{os.getpid()}
ip link set hcs{os.getpid()} up
ip -n {name} addr add {address}/30 dev eth0
ip -n {name} link set eth0 up
ip -n {name} link set lo up"""
    try:
        for command in commands.splitlines():
            subprocess.run(command.split(), check=True)
        yield ("ip", "netns", "exec", name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def ours(arguments: argparse.Namespace, host: str, prefix: tuple[str, ...]) -> bool:
    """Measure our responder."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        options = [
            "--host",
            host,
            "--sessions",
            str(arguments.sessions),
            "--sessions-per-source",
            str(arguments.sessions),
        ]
        certificate, key = write_certificate(Path(folder), host)
        options += ["--tls-cert", str(certificate), "--tls-key", str(key)]
        os.environ["SSL_CERT_FILE"] = str(certificate)
        running = stack.enter_context(responder_process(Path(folder), *options, prefix=prefix))
        far_end = running.far_end
        load = stamp_load([open_session(far_end) for _ in range(arguments.sessions)], arguments.seconds)
        sock = stack.enter_context(udp_socket(host, running.udp_port))
        return measure("homecheck", psutil.Process(running.process.pid), sock, load, arguments.sessions * RATE)


def alone(sessions: int) -> None:
    """Print what packets of many sessions cost the thread that answers them while nothing else of this bench runs."""
    everyone = Sessions(Limits(sessions=sessions, sessions_per_source=sessions), time.monotonic)
    opened = [everyone.open((None,), "192.0.2.1", datetime.now(UTC)) for _ in range(sessions)]
    reflector = Reflector(everyone, "127.0.0.1", 0)
    costs = []
    with udp_socket("127.0.0.1", reflector.port) as sock:
        for sequence in range(2 * RATE):
            for first in range(0, sessions, PORTION):
                some = opened[first : first + PORTION]
                for session in some:
                    sock.send(pack_request(Request(sequence, session.ssid, time.time_ns()), session.key))
                begin, left = time.thread_time(), len(some)
                while left:
                    left -= reflector.answer_waiting()
                costs.append(1e6 * (time.thread_time() - begin) / len(some))
                for _ in some:
                    sock.recv(SLOT_BYTES)
    reflector.stop()
    print(f"answering alone: median {np.median(costs):.1f}, least {min(costs):.1f} us of CPU per packet")


def irtt(arguments: argparse.Namespace, host: str, prefix: tuple[str, ...]) -> bool:
    """Measure irtt's server."""
    command = ["irtt", "server", "-b", f"{host}:2112", "-i", "0", "-d", "0", f"--hmac={IRTT_KEY.decode()}"]
    server = subprocess.Popen([*prefix, *command], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        with udp_socket(host, 2112) as sock:
            load = irtt_load(sock, arguments.sessions, arguments.seconds)
            return measure("irtt     ", psutil.Process(server.pid), sock, load, arguments.sessions * RATE)
    finally:
        server.terminate()
        server.wait()


def main() -> bool:
    """Print the figures; tell whether they are good and mean something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", choices=["loopback", "veth"], default="loopback")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=8)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        host: str = "127.0.0.1"
        prefix: tuple[str, ...] = ()
        if arguments.path == "veth":
            host = "198.18.0.1"
            prefix = stack.enter_context(veth(host))
        print(f"{arguments.sessions} sessions, {arguments.sessions * RATE} packets a second, over {arguments.path}")
        alone(arguments.sessions)
        good = [ours(arguments, host, prefix), irtt(arguments, host, prefix)]
    return all(good)


if __name__ == "__main__":
    sys.exit(not main())
