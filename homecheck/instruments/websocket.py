"""One WebSocket as a client has it (RFC 6455), over the far end's socket: opened in bounded time, and never blocking.

Binary messages are counted as their bytes arrive, not when a message is whole: a message of a megabyte would make a
step of half a second on a slow line. Nothing is compressed.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import select
import socket
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

from homecheck import __version__
from homecheck.instruments.far_end import FarEnd, Reply, checked, connect, mute, server_error
from homecheck.instruments.tcp_load import cut_off
from homecheck.standards import rfc_6455
from homecheck.standards.rfc_6455 import Frame, ServerFrames

OPEN_SECONDS: Final = 8.0  # for TCP, TLS and the handshake together
MAX_HEAD: Final = 16_384  # bytes of the handshake's answer
MAX_TEXT: Final = 65_536  # bytes of a text message
READ_BYTES: Final = 256 * 1024
UNSENT_BYTES: Final = 256 * 1024  # that may wait in the kernel before it takes more

_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b[^\r\n]*\r\n")
_TARGET: Final = re.compile(r"/[!-~]*")  # goes into the request line as it is


@dataclass
class WebSocket:
    """An open WebSocket."""

    sock: socket.socket
    frames: ServerFrames = field(default_factory=lambda: ServerFrames(MAX_TEXT))
    early: bytes = b""  # came together with the handshake's answer
    outgoing: deque[memoryview] = field(default_factory=deque)
    gone: bool = False  # the other side has closed or reset the connection
    sent: int = 0  # bytes handed to the kernel
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))

    def receive(self, most: int) -> list[Frame]:
        """Return the text and control messages in the next bytes that have arrived, about `most` of them.

        Binary messages are counted in `frames`. Raises Refused for what is no WebSocket.
        """
        found, self.early = self.frames.feed(self.early), b""
        got = 0
        while got < most and not self.gone:
            try:
                count = self.sock.recv_into(self.buffer)
            except _WOULD_BLOCK:
                break
            except OSError:
                count = 0
            self.gone = count == 0
            got += count
            found += self.frames.feed(self.buffer[:count])
        return found

    def send(self, opcode: int, payload: bytes = b"") -> None:
        """Put a short message into the queue, behind what is there."""
        mask = os.urandom(4)
        self.outgoing.append(
            memoryview(rfc_6455.client_header(opcode, len(payload), mask) + rfc_6455.masked(payload, mask))
        )

    def send_random(self, payload: memoryview) -> None:
        """Put a binary message of random bytes into the queue. What they are after unmasking is as random."""
        header = rfc_6455.client_header(rfc_6455.BINARY, len(payload), os.urandom(4))
        self.outgoing += (memoryview(header), payload)

    def flush(self) -> None:
        """Hand over what the kernel takes now."""
        while self.outgoing and not self.gone:
            try:
                count = self.sock.send(self.outgoing[0])
            except _WOULD_BLOCK:
                return
            except OSError:
                self.gone = True
                return
            self.sent += count
            self.outgoing[0] = self.outgoing[0][count:]
            if not self.outgoing[0]:
                self.outgoing.popleft()

    def wait(self, seconds: float) -> None:
        """Wait until something can be read or, where something is to be sent, written."""
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return
        select.select([self.sock], [self.sock] if self.outgoing else [], [], seconds)

    def close(self) -> None:
        """Cut the connection off; whoever wants to part politely has sent a close message before."""
        cut_off(self.sock)


def open_websocket(far_end: FarEnd, target: str, subprotocol: str) -> WebSocket:
    """Open a WebSocket at `target`, a path with its query.

    Raises ProbeError as `far_end.connect` does; ``not_offered`` for 404, ``responder_busy`` for 429 and 503,
    ``responder_answer`` for anything else (all at_fault server).
    """
    if not _TARGET.fullmatch(target):
        raise server_error("responder_answer", f"{far_end.name}: no path of a WebSocket")
    deadline = time.monotonic() + OPEN_SECONDS
    sock = connect(far_end, OPEN_SECONDS)
    with ExitStack() as unless_opened:
        unless_opened.callback(sock.close)
        try:
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # else the queue in the kernel delays the close by seconds
                with suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            key = b64encode(os.urandom(16)).decode("ascii")
            sock.sendall(upgrade_request(far_end, target, key, subprotocol))
            reply, rest = read_head(sock, deadline, far_end)
            _check(reply, far_end, target.partition("?")[0], subprotocol, key)
            sock.setblocking(False)
        except TimeoutError:
            raise mute(f"{far_end.name} does not answer the WebSocket's first request") from None
        except OSError as error:
            raise server_error("responder_broke_off", f"{far_end.name} broke off: {error.strerror or error}") from None
        unless_opened.pop_all()
    return WebSocket(sock, early=rest)


def upgrade_request(far_end: FarEnd, target: str, key: str, subprotocol: str | None = None) -> bytes:
    """Return the client's opening handshake (RFC 6455 4.1)."""
    host = f"[{far_end.host}]" if ":" in far_end.host else far_end.host
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {host}:{far_end.port}",
        f"User-Agent: homecheck/{__version__}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *([] if subprotocol is None else [f"Sec-WebSocket-Protocol: {subprotocol}"]),
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def read_head(sock: socket.socket, deadline: float, far_end: FarEnd) -> tuple[Reply, bytes]:
    """Return the head of an answer in HTTP, and what came behind it. Raises ProbeError and OSError."""
    received = b""
    while b"\r\n\r\n" not in received and len(received) < MAX_HEAD:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        data = sock.recv(4096)
        if not data:
            break
        received += data
    head, separator, rest = received.partition(b"\r\n\r\n")
    status = _STATUS.match(head + b"\r\n")
    if not separator or not status:
        raise server_error("responder_answer", f"{far_end.name} does not answer in HTTP")
    return Reply(int(status[1]), _headers(head + separator, far_end, status.end()), b""), rest


def _headers(head: bytes, far_end: FarEnd, start: int) -> Mapping[str, str]:
    try:
        parsed = http.client.parse_headers(io.BytesIO(head[start:]))
    except http.client.HTTPException as error:
        raise server_error("responder_answer", f"{far_end.name}: {type(error).__name__}") from None
    return {name.lower(): value.strip() for name, value in parsed.items()}


def _check(reply: Reply, far_end: FarEnd, path: str, subprotocol: str, key: str) -> None:
    """Return if the answer opens the WebSocket that was asked for (RFC 6455 4.1)."""
    if reply.status == 404:
        raise server_error("not_offered", f"{far_end.name} has no {path}")
    if reply.status != 101:
        status = 429 if reply.status == 503 else reply.status
        checked(Reply(status, reply.headers, b""), far_end, path)
    opens = (
        reply.headers.get("upgrade", "").lower() == "websocket"
        and reply.headers.get("sec-websocket-accept") == rfc_6455.accept_key(key)
        and reply.headers.get("sec-websocket-protocol") == subprotocol
    )
    if not opens:
        raise server_error("responder_answer", f"{far_end.name}{path} opens no WebSocket for {subprotocol}")
