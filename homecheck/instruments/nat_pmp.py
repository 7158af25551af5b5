"""Asking the home's router for its address on the internet's side, where it speaks NAT-PMP."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Final

from homecheck.standards import rfc_6886

FIRST_WAIT_SECONDS: Final = 0.25  # RFC 6886 3.1; doubled with every repetition
SECONDS: Final = 1.0


def outer_address(gateway: str, port: int = rfc_6886.PORT, seconds: float = SECONDS) -> str | None:
    """Return the router's outer IPv4 address; None when it does not say within `seconds`."""
    deadline, wait = time.monotonic() + seconds, FIRST_WAIT_SECONDS
    # An answer without an address is an answer: whoever asked on at once would get it again a thousand times.
    with suppress(OSError, rfc_6886.BadAnswer), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((gateway, port))
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(min(wait, left))
            sock.send(rfc_6886.REQUEST)
            with suppress(TimeoutError):
                return rfc_6886.parse_answer(sock.recv(64)).address
            wait *= 2
    return None
