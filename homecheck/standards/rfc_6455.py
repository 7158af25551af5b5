"""WebSocket frames (RFC 6455): the opening handshake's answer, headers of frames, and reading them as they arrive."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from homecheck.errors import Refused

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST_CONTROL: Final = 125  # bytes of a control frame (5.5)
NORMAL_CLOSURE: Final = (1000).to_bytes(2, "big")  # 7.4.1

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_KNOWN: Final = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)


def accept_key(key: str) -> str:
    """Return what a server answers to `Sec-WebSocket-Key` (4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()).decode("ascii")


def client_header(opcode: int, length: int, mask: bytes) -> bytes:
    """Return the header of a whole message in one frame, as a client sends it: always masked (5.2, 5.3)."""
    if length < 126:
        size = bytes((_MASKED | length,))
    elif length < 1 << 16:
        size = bytes((_MASKED | 126,)) + length.to_bytes(2, "big")
    else:
        size = bytes((_MASKED | 127,)) + length.to_bytes(8, "big")
    return bytes((_FIN | opcode,)) + size + mask


def masked(payload: bytes, mask: bytes) -> bytes:
    """Return a short payload masked (5.3)."""
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


@dataclass(frozen=True)
class Frame:
    """A text or control message that arrived whole."""

    opcode: int
    payload: bytes


class ServerFrames:
    """Takes in what a server sends, however it is cut up. Binary payload is counted and thrown away, the rest kept.

    `most_kept` is the longest text message that is taken, in bytes.
    """

    def __init__(self, most_kept: int) -> None:
        self.binary = 0  # payload bytes of binary messages that have arrived so far, also of unfinished ones
        self._most_kept = most_kept
        self._head = b""
        self._kind: int | None = None  # what the frame under way belongs to: text, binary or a control frame
        self._final = True
        self._left = 0  # payload bytes of it that are still to come
        self._kept = b""
        self._message = 0  # opcode of the message under way, which may come in several frames; 0: none
        self._text = b""

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """Return the messages that `data` completes. Raises Refused (reason ``websocket``) for what is no frame."""
        frames = []
        view = memoryview(data)
        while view or (self._kind is not None and not self._left):
            if self._kind is None:
                view = self._read_head(view)
                continue
            part, view = view[: self._left], view[self._left :]
            self._left -= len(part)
            if self._kind == BINARY:
                self.binary += len(part)
            else:
                self._kept += bytes(part)
            if not self._left and (frame := self._end_of_frame()):
                frames.append(frame)
        return frames

    def _read_head(self, view: memoryview) -> memoryview:
        """Take what the header still lacks, and begin the frame once it is whole; return the rest."""
        wanted = _head_length(self._head) - len(self._head)
        self._head += bytes(view[:wanted])
        if len(self._head) == _head_length(self._head):
            self._begin_frame(self._head)
            self._head = b""
        return view[wanted:]

    def _begin_frame(self, head: bytes) -> None:
        opcode, final, length = head[0] & 0x0F, bool(head[0] & _FIN), head[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(head[2:], "big")
        if head[1] & _MASKED or head[0] & _RESERVED or opcode not in _KNOWN:
            raise Refused("websocket", "a frame that no server may send (RFC 6455 5.1, 5.2)")
        if opcode >= CLOSE and (length > MOST_CONTROL or not final):
            raise Refused("websocket", "a control frame that is too long or in pieces (RFC 6455 5.5)")
        if opcode < CLOSE and (opcode == CONTINUATION) != bool(self._message):
            raise Refused("websocket", "messages in pieces that do not fit together (RFC 6455 5.4)")
        kind = opcode or self._message
        if kind == TEXT and len(self._text) + length > self._most_kept:
            raise Refused("websocket", f"a text message of more than {self._most_kept} bytes")
        self._kind, self._final, self._left = kind, final, length
        if kind < CLOSE:
            self._message = kind

    def _end_of_frame(self) -> Frame | None:
        """End a frame; return the message that it completes, unless that is a binary one."""
        kind, payload = self._kind, self._kept
        self._kind, self._kept = None, b""
        if kind is not None and kind >= CLOSE:
            return Frame(kind, payload)
        self._text += payload
        if not self._final:
            return None
        text, self._text, self._message = self._text, b"", 0
        return Frame(TEXT, text) if kind == TEXT else None


def _head_length(head: bytes) -> int:
    """Return how long the header is that begins with `head`, as far as that can be told."""
    return 2 if len(head) < 2 else {126: 4, 127: 10}.get(head[1] & 0x7F, 2)
