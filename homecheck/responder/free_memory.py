"""Memory of connections that are gone, given back to the system.

A TLS connection costs about 95 kB as long as it is open, two thirds of it asyncio's buffer. The C library of most Linux
systems keeps what was freed between other things in its heap: after 1500 connections a responder would hold 140 MB more
than before, for ever, until it is told to look (malloc_trim(3)).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

MANY_CLOSED: Final = 100  # connections, for which it is worth while


class Watch:
    """Told how many connections were opened and are open; gives memory back once many have closed.

    Those that came and went between two looks count too: three hundred handshakes take less than a second.
    """

    def __init__(self) -> None:
        self.opened = 0  # ever
        self._closed = 0  # when memory was last given back

    def see(self, connections: int) -> bool:
        """Take in how many are open now; tell whether that was a reason to give memory back."""
        closed = self.opened - connections
        if closed - self._closed < MANY_CLOSED:
            return False
        self._closed = closed
        give_back()
        return True


def give_back() -> None:
    """Have the C library give back what it can; nothing where it does not know how."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)
