"""Asking routers on Windows: IcmpSendEcho of iphlpapi, which needs no rights, with a limited time to live. IPv4 alone.

Each question waits in a thread of its own, because the function returns when its answer is there. The reply's own time
is in whole milliseconds, so the clock is read around the call. Source: Microsoft Learn, "IcmpSendEcho function",
"ICMP_ECHO_REPLY structure", "IP_OPTION_INFORMATION structure".
"""

from __future__ import annotations

import queue
import socket
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.hops import NUMBERS, Answer

IP_SUCCESS: Final = 0
IP_TTL_EXPIRED_TRANSIT: Final = 11_013
WAIT_MS: Final = 1_000
WORKERS: Final = 20
_REPLY: Final = struct.Struct("<4sIIHH")  # address, status, round trip in ms, size of the data, reserved
_REPLY_BYTES: Final = 256  # ICMP_ECHO_REPLY (40), the data, 8 for an error, 16 for IO_STATUS_BLOCK

Send = Callable[[str, int], bytes]


class WindowsAsker:
    """Asks on the way to `address`. Raises ProbeError ``not_told`` for IPv6."""

    def __init__(self, family: int, address: str, send: Send | None = None) -> None:
        if family != socket.AF_INET:
            raise ProbeError("not_told", "", message="on Windows only IPv4 routers can be asked")
        self._address, self._send = address, send or send_echo
        self._found: queue.Queue[Answer] = queue.Queue()
        self._workers = ThreadPoolExecutor(WORKERS)

    def ask(self, number: int, hops: int) -> None:
        """Send one echo request."""
        self._workers.submit(self._wait, number % NUMBERS, hops)

    def answers(self, seconds: float) -> list[Answer]:
        """Return what has been answered, after at most `seconds`."""
        found = []
        try:
            found.append(self._found.get(timeout=max(0.0, seconds)))
            while True:
                found.append(self._found.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Let the threads end; each does within WAIT_MS."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _wait(self, number: int, hops: int) -> None:
        began = time.perf_counter()
        told = parse_reply(self._send(self._address, hops))
        rtt_ms = (time.perf_counter() - began) * 1e3
        if told is not None:
            self._found.put(Answer(number, told[0], rtt_ms, told[1]))


def parse_reply(data: bytes) -> tuple[str, bool] | None:
    """Return who answered and whether it was the far end; None when nobody did (an empty reply) or with an error."""
    if len(data) < _REPLY.size:
        return None
    address, status, *_ = _REPLY.unpack_from(data)
    if status not in (IP_SUCCESS, IP_TTL_EXPIRED_TRANSIT):
        return None
    return socket.inet_ntoa(address), status == IP_SUCCESS


def send_echo(address: str, hops: int) -> bytes:
    """Send one echo request and return the reply structure as bytes; empty when none came."""
    if sys.platform != "win32":
        return b""
    import ctypes
    from ctypes import wintypes

    class Options(ctypes.Structure):  # IP_OPTION_INFORMATION
        _fields_ = (
            ("ttl", ctypes.c_ubyte),
            ("tos", ctypes.c_ubyte),
            ("flags", ctypes.c_ubyte),
            ("size", ctypes.c_ubyte),
            ("data", ctypes.c_void_p),
        )

    icmp = ctypes.WinDLL("iphlpapi", use_last_error=True)
    icmp.IcmpCreateFile.restype = wintypes.HANDLE
    icmp.IcmpCloseHandle.argtypes = (wintypes.HANDLE,)
    icmp.IcmpSendEcho.restype = wintypes.DWORD
    icmp.IcmpSendEcho.argtypes = (
        wintypes.HANDLE,
        ctypes.c_uint32,  # IPAddr: the four bytes in the order of the network
        ctypes.c_void_p,
        wintypes.WORD,
        ctypes.c_void_p,
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
    )
    handle = icmp.IcmpCreateFile()
    try:
        body, reply = b"homecheck", ctypes.create_string_buffer(_REPLY_BYTES)
        (target,) = struct.unpack("=I", socket.inet_aton(address))
        options = Options(ttl=hops)
        replies = icmp.IcmpSendEcho(
            handle, target, body, len(body), ctypes.byref(options), reply, _REPLY_BYTES, WAIT_MS
        )
        return reply.raw if replies else b""
    finally:
        icmp.IcmpCloseHandle(handle)
