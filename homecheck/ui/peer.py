"""Which user of this computer a connection comes from, as the kernel tells it.

127.0.0.1 is reached by everybody on a computer. What the address that lets in is passed to the browser with can be read
in the list of processes, and a browser gives its cookies to every port of 127.0.0.1. Linux tells whose each connection
is: to a question about one (sock_diag(7), 20 µs), or in its table of all (proc(5), /proc/net/tcp), which is read where
such questions are not answered. Elsewhere nothing is told, and the token and the cookie are all there is.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TABLE: Final = Path("/proc/net/tcp")
ROOT: Final = 0  # may read our memory anyway; programs that pass connections on run so, among others
_LOCAL, _REMOTE, _USER, _INODE = 1, 2, 7, 9  # columns

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_ERROR: Final = 2  # NLMSG_ERROR
_REQUEST: Final = 1  # NLM_F_REQUEST
_ALL: Final = 0xFFFFFFFF  # every state; INET_DIAG_NOCOOKIE
_HEAD: Final = struct.Struct("=IHHII")  # nlmsghdr
_QUESTION: Final = struct.Struct("=BBBBI")  # of inet_diag_req_v2, before the two addresses
_OWNER: Final = struct.Struct("=II")  # of inet_diag_msg: idiag_uid, idiag_inode
_OWNER_AT: Final = _HEAD.size + 4 + 48 + 12  # after family and state, the two addresses, and the queues


@dataclass(frozen=True)
class Owner:
    """A user's number, and the number of the open socket; 0 when it was closed: then the kernel says root's."""

    user: int
    inode: int


def allowed_users(environment: Mapping[str, str] = os.environ) -> frozenset[int] | None:
    """Return the numbers of the users whose browser this may be; None where nobody can be told apart.

    Who starts the guide by sudo has a browser that runs under their own number.
    """
    if sys.platform != "linux":
        return None
    by_sudo = environment.get("SUDO_UID", "")
    return frozenset({ROOT, os.getuid()} | ({int(by_sudo)} if by_sudo.isdecimal() else set()))


def is_allowed(port: int, ours: int, users: frozenset[int] | None) -> bool:
    """Tell whether the connection from `port` to `ours`, both on 127.0.0.1, is one of `users`.

    Yes where no kernel tells. One that was closed meanwhile is nobody's: it may have been anybody's.
    """
    if users is None:
        return True
    try:
        owner = asked(port, ours)
    except OSError:
        if not TABLE.is_file():
            return True
        owner = listed(port, ours, TABLE.read_text(encoding="ascii"))
    return owner is not None and owner.inode != 0 and owner.user in users


def asked(port: int, ours: int) -> Owner | None:
    """Return whose connection it is, None where there is none. OSError where the kernel does not answer."""
    if sys.platform != "linux":
        raise OSError("only Linux is asked so")
    here = socket.inet_aton("127.0.0.1") + bytes(12)
    both = struct.pack("!HH", port, ours) + here + here + struct.pack("=III", 0, _ALL, _ALL)
    question = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL) + both
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(_HEAD.pack(_HEAD.size + len(question), _BY_FAMILY, _REQUEST, 1, 0) + question)
        answer = kernel.recv(4096)
    _, kind, _, _, _ = _HEAD.unpack_from(answer)
    if kind == _BY_FAMILY:
        return Owner(*_OWNER.unpack_from(answer, _OWNER_AT))
    (number,) = struct.unpack_from("=i", answer, _HEAD.size)
    if kind == _ERROR and number == -errno.ENOENT:
        return None
    raise OSError(-number, "sock_diag")


def listed(port: int, ours: int, table: str) -> Owner | None:
    """Return whose connection it is by `table`, the content of /proc/net/tcp; None where there is none."""
    wanted = [_place(port), _place(ours)]
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[_LOCAL : _REMOTE + 1] == wanted:
            return Owner(int(columns[_USER]), int(columns[_INODE]))
    return None


def _place(port: int) -> str:
    """Return an address as the table writes it: the four bytes as one number of this machine, then the port."""
    number = int.from_bytes(socket.inet_aton("127.0.0.1"), sys.byteorder)
    return f"{number:08X}:{port:04X}"
