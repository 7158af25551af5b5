"""Listening for TCP connections: the one way in which our servers take an address."""

from __future__ import annotations

import socket

from homecheck.errors import SetupError


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens on `host` and `port` (0: any free one), where `backlog` connections may wait.

    Raises SetupError.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address, family=family, backlog=backlog)
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host} port {port}: {error.strerror or error}", "Choose another --host or --port."
        ) from None


def url_of(host: str, listener: socket.socket, *, tls: bool) -> str:
    """Return the address that `listener` answers at, under the name that was asked for."""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{bracketed}:{listener.getsockname()[1]}"
