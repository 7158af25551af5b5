"""Ports for servers that tests start."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress

# Below the ports that systems give out themselves: none of these becomes the end of somebody's connection in between.
FIRST, EACH, PROCESSES = 10_240, 110, 200
_next = itertools.count()


def free_port(*, also_next: bool = False) -> int:
    """Return a port that nobody uses, of TCP and UDP; with `also_next` nobody uses the one above it either.

    Each process goes round in ports of its own, so that tests side by side do not take one another's.
    """
    for _ in range(EACH):
        port = FIRST + os.getpid() % PROCESSES * EACH + next(_next) % (EACH - 1)
        if all(_is_free(one) for one in (port, port + 1)[: 1 + also_next]):
            return port
    raise OSError("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams, suppress(OSError):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        stream.bind(("127.0.0.1", port))
        datagrams.bind(("127.0.0.1", port))
        return True
    return False
