"""A far end that behaves badly, over TLS: arguments behaviour, address, certificate, key. It prints its port."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

REQUEST_BYTES = 65536
KEY = b'{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
ABOUT = b'{"role":"responder","udp_port":9,"jwk":' + KEY + b"}"


def answer(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def silent(_: socket.socket) -> None:
    time.sleep(600)


def drips(sock: socket.socket) -> None:
    sock.recv(REQUEST_BYTES)
    for byte in answer("200 OK", ABOUT):
        sock.sendall(bytes((byte,)))
        time.sleep(2)


def endless(sock: socket.socket) -> None:
    sock.recv(REQUEST_BYTES)
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        sock.sendall(b" " * 65536)


def no_http(sock: socket.socket) -> None:
    sock.sendall(b"220 mail.example ESMTP\r\n")
    sock.recv(REQUEST_BYTES)


def busy(sock: socket.socket) -> None:
    sock.recv(REQUEST_BYTES)
    sock.sendall(answer("429 Too Many Requests", b"", "Retry-After: 120"))


def stranger(sock: socket.socket) -> None:
    sock.recv(REQUEST_BYTES)
    sock.sendall(answer("200 OK", b"<html><title>Welcome to nginx!</title></html>", "Content-Type: text/html"))


def sessions_hang(sock: socket.socket) -> None:
    if sock.recv(REQUEST_BYTES).startswith(b"GET /.well-known"):
        sock.sendall(answer("200 OK", ABOUT))
    else:
        time.sleep(600)


BEHAVIOURS: dict[str, Callable[[socket.socket], None]] = {
    "silent-after-tls": silent,
    "drips": drips,
    "endless": endless,
    "no-http": no_http,
    "busy": busy,
    "stranger": stranger,
    "sessions-hang": sessions_hang,
}


def serve(plain: socket.socket, behaviour: str) -> None:
    with suppress(OSError), plain:
        if behaviour == "silent":
            time.sleep(600)
        elif behaviour == "resets":
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif behaviour == "plain":
            busy(plain)
        else:
            with context.wrap_socket(plain, server_side=True) as sock:
                BEHAVIOURS[behaviour](sock)


behaviour, address, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
with socket.create_server((address, 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(accepted, behaviour), daemon=True).start()
