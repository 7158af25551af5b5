"""Asking the responder in plain HTTP, as a browser's first page does, to see who else takes part in it."""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import suppress
from dataclasses import replace
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import FarEnd, connect
from homecheck.instruments.plain_answer import Plain, read, request

SECONDS: Final = 4.0
MOST_BYTES: Final = 65_536  # of a sign-in page; the rest is not wanted
PORTAL_ADVICE: Final = (
    "Open any page in the browser and sign in to the network, or use another network; then repeat the check."
)


def ask(far_end: FarEnd, port: int, seconds: float = SECONDS) -> Plain:
    """Return what came back from `port` of `far_end`. Raises ProbeError ``plain_blocked`` (home_link).

    Whether the home is to be blamed depends on whether the port answers others, see `proven`.
    """
    deadline = time.monotonic() + seconds
    sent = request(far_end.host, port, secrets.token_urlsafe(24))
    try:
        sock = connect(replace(far_end, scheme="http", port=port), seconds)
    except ProbeError as error:
        raise blocked(f"{error.message}, for plain HTTP") from None
    with sock, suppress(OSError):  # whatever came before it broke off says enough, or nothing
        sock.sendall(sent)
        found = read(_read(sock, deadline), sent)
        if found is not None:
            return found
    raise blocked(f"port {port} of {far_end.host} gives no answer in HTTP")


def sign_in_page() -> ProbeError:
    """Return the failure of what a sign-in page hides: it takes connections in everybody's place."""
    message = "a sign-in page answers in the place of others"
    return ProbeError("captive_portal", PORTAL_ADVICE, message=message, at_fault="home_link")


def blocked(message: str) -> ProbeError:
    """Return the failure of everything that plain HTTP would tell."""
    return ProbeError("plain_blocked", PORTAL_ADVICE, message=message, at_fault="home_link")


def _read(sock: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    with suppress(OSError):
        while len(received) < MOST_BYTES and (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            data = sock.recv(16_384)
            if not data:
                break
            received += data
    return bytes(received)
