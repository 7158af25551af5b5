"""Servers that a policy's targets lead to, on loopback, and the ways in which they and what lies between fail."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from homecheck.errors import ProbeError
from homecheck.locale import LANGUAGES, SOURCE, translator

HOST = "calls.example.com"
LINGER_ZERO = struct.pack("ii", 1, 0)  # close() sends RST
Serve = Callable[[socket.socket], None]


@contextmanager
def tcp_server(serve: Serve, address: str = "127.0.0.1") -> Iterator[int]:
    """A server that does `serve` with each connection, in a thread of its own; its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family, backlog=50) as listener:
        threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts


def _accept(listener: socket.socket, serve: Serve) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_served, args=(connection, serve), daemon=True).start()


def _served(connection: socket.socket, serve: Serve) -> None:
    with suppress(OSError), connection:
        connection.settimeout(20)
        serve(connection)


def accepts(connection: socket.socket) -> None:
    """Wait until the other side closes."""
    connection.recv(4096)


def resets(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)


def over_tls(context: ssl.SSLContext, serve: Serve = accepts) -> Serve:
    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as sock:
            serve(sock)

    return secured


def reads_names(context: ssl.SSLContext, name: str, *, silent: bool = False) -> Serve:
    """A filter on the way: it resets, or ignores, connections whose ClientHello tells `name` (RFC 6066 3)."""

    def filtered(connection: socket.socket) -> None:
        if name.encode() in connection.recv(4096, socket.MSG_PEEK):
            if silent:
                threading.Event().wait(6)
            else:
                resets(connection)
        else:
            over_tls(context)(connection)

    return filtered


def answers(status: str) -> Serve:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    return answer


def opens_websocket(connection: socket.socket) -> None:
    """The server's opening handshake, as RFC 6455 4.2.2 says it."""
    head = connection.recv(65536).decode()
    key = next(line.partition(": ")[2] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key"))
    told = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode(), usedforsecurity=False).digest()
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
    accept = f"Sec-WebSocket-Accept: {base64.b64encode(told).decode()}"
    connection.sendall("\r\n".join((*lines, accept, "", "")).encode())
    connection.recv(4096)


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no SYN: nobody accepts, and the queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for sock in waiting:
                sock.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """A TCP port that is bound, so that nobody else takes it, and where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextmanager
def udp_server(answer: Callable[[bytes], bytes | None], address: str = "127.0.0.1") -> Iterator[int]:
    """A UDP server that sends back what `answer` makes of each datagram; its port."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.settimeout(0.05)
        over = threading.Event()
        thread = threading.Thread(target=_answer, args=(sock, answer, over), daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        over.set()
        thread.join(5)


def _answer(sock: socket.socket, answer: Callable[[bytes], bytes | None], over: threading.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError, ConnectionError):
            datagram, source = sock.recvfrom(4096)
            if (back := answer(datagram)) is not None:
                sock.sendto(back, source)


def stun(datagram: bytes, kind: int = 0x0101) -> bytes | None:
    """A server's answer by RFC 8489 5, written from its figures: to 192.0.2.1 port 32853, or an error 420."""
    if datagram[:2] != b"\x00\x01" or datagram[4:8] != b"\x21\x12\xa4\x42":
        return None
    mapped = bytes.fromhex("0020 0008 0001 a147 e112a643")  # RFC 5769 2.2
    attributes = mapped if kind == 0x0101 else bytes.fromhex("0009 0004 00000414")
    return struct.pack("!HHI", kind, len(attributes), 0x2112A442) + datagram[8:20] + attributes


def sip(datagram: bytes) -> bytes | None:
    """A SIP server's answer to OPTIONS (RFC 3261 8.2.6): headers copied."""
    lines = datagram.decode().split("\r\n")
    if not lines[0].startswith("OPTIONS sip:"):
        return None
    copied = [line for line in lines if line.partition(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    return "\r\n".join(("SIP/2.0 405 Method Not Allowed", *copied, "Content-Length: 0", "", "")).encode()


def is_translated(error: ProbeError) -> bool:
    """Tell whether what an error says is there in every language, and nothing of it is left in English."""
    languages = [translator(language) for language in LANGUAGES if language != SOURCE]
    return all(say.say(text) != text for say in languages for text in (error.message, error.advice) if text)
