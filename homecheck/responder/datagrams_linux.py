"""Several datagrams with one system call: recvmmsg and sendmmsg of Linux, in buffers that are made once.

What is taken is what already waits, so that nothing is held back to fill a batch. The arrival times are the kernel's
(SO_TIMESTAMPNS).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from homecheck.responder import asked_address
from homecheck.responder.asked_address import Told
from homecheck.responder.datagrams import LARGEST, Slot

MOST: Final = 32
_MSG_WAITFORONE: Final = 0x10000  # linux/socket.h: wait for the first, take the others only if they are there
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h
_NAME_BYTES: Final = 28  # of a sockaddr_in6, the longer one
_CONTROL_BYTES: Final = 96
_TIMESTAMP: Final = struct.Struct("@Niiqq")  # a cmsghdr and its timespec: length, level, kind, seconds, nanoseconds
# Behind the timestamp stands the address that was asked, where it is told (asked_address).
_ASKED_AT: Final = (_TIMESTAMP.size + 7) & ~7
_HEADER_BYTES: Final = 16  # of a cmsghdr: length, level, kind
_NS: Final = 1_000_000_000


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("length", ctypes.c_uint32))


_STRIDE: Final = ctypes.sizeof(_Mmsghdr)
_STRIDE_WORDS: Final = _STRIDE // 4
_LENGTH_WORD: Final = ctypes.sizeof(_Msghdr) // 4
_CONTROL_LENGTH_WORD: Final = _Msghdr.control_length.offset // 4


class Batched:
    """The datagrams of a bound socket that has been asked for timestamps; `receive` waits at most `timeout_seconds`."""

    def __init__(self, sock: socket.socket, timeout_seconds: float) -> None:
        sock.settimeout(None)  # Python's own timeout would make the socket one that never waits
        seconds, rest = divmod(timeout_seconds, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(seconds), int(rest * 1e6)))
        self._descriptor = sock.fileno()
        self._buffers = _Buffers(_NAME_BYTES if sock.family == socket.AF_INET6 else 16, asked_address.ask(sock))
        self.slots: Sequence[Slot] = [Slot(place, self._buffers.data_of(place)) for place in range(MOST)]

    def receive(self) -> Sequence[Slot]:
        """Wait for a datagram and return it with those behind it."""
        buffers = self._buffers
        buffers.make_fresh()
        count = _recvmmsg(self._descriptor, buffers.incoming, MOST, _MSG_WAITFORONE, None)
        if count < 0:
            raise _os_error()
        slots = self.slots[:count]
        buffers.tell(slots)
        return slots

    def send(self, slots: Sequence[Slot]) -> Sequence[Slot]:
        """Send each back to its sender, in the order of their places; return those that the system did not take."""
        self._buffers.set_lengths(slots)
        if slots[-1].place - slots[0].place == len(slots) - 1:  # no gap between them, as nearly always
            return self._send_run(slots)
        return [refused for slot in slots for refused in self._send_run([slot])]

    def _send_run(self, run: Sequence[Slot]) -> list[Slot]:
        """Send slots that lie side by side; the system stops at one that it does not take, which is left out."""
        done, refused = 0, []
        while done < len(run):
            first = ctypes.byref(self._buffers.outgoing, run[done].place * _STRIDE)
            sent = _sendmmsg(self._descriptor, first, len(run) - done, 0)
            if sent < 1:
                refused.append(run[done])
            done += max(1, sent)
        return refused


class _Buffers:
    """Data, sender's address and control messages of `MOST` datagrams, and the headers that point at them.

    There are two headers for each, because the system writes into the header where it receives, and may see no other
    control message where it sends than the address that was asked, if it tells that (`told`).
    """

    def __init__(self, name_bytes: int, told: Told | None) -> None:
        self._told = told
        self._data, self._names, self._control = (
            ctypes.create_string_buffer(MOST * size) for size in (LARGEST, _NAME_BYTES, _CONTROL_BYTES)
        )
        self._iovecs = (_Iovec * MOST)(*(_Iovec(_at(self._data, place, LARGEST), LARGEST) for place in range(MOST)))
        self.incoming = (_Mmsghdr * MOST)(
            *(self._header(place, _NAME_BYTES, 0, _CONTROL_BYTES) for place in range(MOST))
        )
        self.outgoing = (_Mmsghdr * MOST)(*(self._header(place, name_bytes, _ASKED_AT, 0) for place in range(MOST)))
        # Views on the same memory: an item of a view costs a fraction of an attribute of a structure.
        self._lengths = _bytes_of(self._iovecs).cast("L")
        self._control_bytes = _bytes_of(self._control)
        self._headers, self._iovec_bytes = _bytes_of(self.incoming), _bytes_of(self._iovecs)
        self._fresh = bytes(self._headers), bytes(self._iovec_bytes)
        self._words = self._headers.cast("I")
        self._outgoing_words, self._control_words = _bytes_of(self.outgoing).cast("I"), self._control_bytes.cast("I")

    def data_of(self, place: int) -> memoryview:
        """Return the data of one datagram."""
        return _bytes_of(self._data)[place * LARGEST : (place + 1) * LARGEST]

    def make_fresh(self) -> None:
        """Undo what was written into the headers."""
        self._headers[:], self._iovec_bytes[:] = self._fresh

    def tell(self, slots: Sequence[Slot]) -> None:
        """Note in each slot how many bytes came, and when by the kernel's clock, or by ours if it told no time."""
        words, control = self._words, self._control_bytes
        for slot in slots:
            place = slot.place
            slot.length = words[place * _STRIDE_WORDS + _LENGTH_WORD]
            _, level, kind, seconds, nanoseconds = _TIMESTAMP.unpack_from(control, place * _CONTROL_BYTES)
            stamped = kind == _SO_TIMESTAMPNS and level == socket.SOL_SOCKET
            slot.wall_ns = seconds * _NS + nanoseconds if stamped else time.time_ns()
            if self._told is not None:
                self._note_asked(place, self._told)

    def _note_asked(self, place: int, told: Told) -> None:
        """Have the answer leave from the address that was asked, over whatever interface leads back."""
        words, at = self._control_words, (place * _CONTROL_BYTES + _ASKED_AT) // 4
        tells = (words[at + 2], words[at + 3]) == (told.level, told.kind)
        if tells:
            words[at + (_HEADER_BYTES + told.interface_at) // 4] = 0
        length = (_HEADER_BYTES + told.data_bytes + 7) & ~7 if tells else 0
        self._outgoing_words[place * _STRIDE_WORDS + _CONTROL_LENGTH_WORD] = length

    def set_lengths(self, slots: Sequence[Slot]) -> None:
        """Have as many bytes sent as the slots say."""
        lengths = self._lengths
        for slot in slots:
            lengths[2 * slot.place + 1] = slot.length

    def _header(self, place: int, name_bytes: int, control_at: int, control_bytes: int) -> _Mmsghdr:
        header = _Msghdr(
            name=_at(self._names, place, _NAME_BYTES),
            name_length=name_bytes,
            iov=_at(self._iovecs, place, ctypes.sizeof(_Iovec)),
            iov_count=1,
            control=_at(self._control, place, _CONTROL_BYTES) + control_at,
            control_length=control_bytes,
        )
        return _Mmsghdr(header)


def _at(buffer: Any, place: int, size: int) -> int:
    return ctypes.addressof(buffer) + place * size


def _bytes_of(buffer: Any) -> memoryview:
    return memoryview(buffer).cast("B")


def _os_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _library() -> Any:
    """Return the C library if it has both calls and 64-bit times, or None."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    return library if hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg") else None


_LIBC: Final = _library()
USABLE: Final = _LIBC is not None
if USABLE:
    _recvmmsg, _sendmmsg = _LIBC.recvmmsg, _LIBC.sendmmsg
    _recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    _sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
