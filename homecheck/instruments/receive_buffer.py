"""What waits in a socket's receive buffer: it has come down the line, whether or not a program ever reads it."""

from __future__ import annotations

import ctypes
import socket
import sys
from typing import Final

if sys.platform == "win32":
    _FIONREAD: Final = 0x4004667F  # winsock2.h

    def unread(sock: socket.socket) -> int:
        """Return how many bytes wait to be read from `sock`; 0 for one that is closed."""
        count = ctypes.c_ulong(0)
        ctypes.windll.ws2_32.ioctlsocket(sock.fileno(), ctypes.c_long(_FIONREAD), ctypes.byref(count))
        return count.value

else:
    import fcntl
    import termios

    def unread(sock: socket.socket) -> int:
        """Return how many bytes wait to be read from `sock`; 0 for one that is closed."""
        count = bytearray(ctypes.sizeof(ctypes.c_int))
        if sock.fileno() >= 0:
            fcntl.ioctl(sock, termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)
