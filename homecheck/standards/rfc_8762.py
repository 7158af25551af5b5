"""RFC 8762: STAMP, the simple two-way active measurement protocol, in authenticated mode with the SSID of RFC 8972.

    sender (4.2.2)      0 sequence · 16 timestamp · 24 error estimate · 26 SSID · 96 HMAC                 112 bytes
    reflector (4.3.2)   the same, and 32 receive timestamp · 48 sender's sequence · 64 sender's timestamp ·
                        72 sender's error estimate · 80 sender's TTL

Everything else is zero; numbers are big-endian. The HMAC is HMAC-SHA-256 over the first 96 bytes, cut to 16 (4.4). Both
ends send an Extra Padding TLV (RFC 8972 4.1) behind it, so that a packet has the size of the RTP packet it stands for.
Timestamps are NTP's 32.32 bits since 1900 (RFC 5905 section 6).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from homecheck.standards.rfc_2104 import PreparedKey

BASE_LENGTH: Final = 112  # bytes
VOICE_LENGTH: Final = 172  # bytes: 12 of RTP header and 160 of G.711, 20 ms of speech
HMAC_LENGTH: Final = 16
SIGNED_LENGTH: Final = 96  # bytes under the HMAC
ERROR_ESTIMATE: Final = 0x1601  # RFC 4656 4.1.2: not known to be synchronised, scale 22, multiplier 1: about 1 ms
TTL_UNKNOWN: Final = 255
NTP_UNIX_SECONDS: Final = 2_208_988_800  # from 1900 to 1970

_SENDER: Final = struct.Struct("!I12xQHH68x")
_REFLECTOR: Final = struct.Struct("!I12xQHH4xQ8xI12xQH6xB15x")
_SENDER_SIGNED: Final = struct.Struct("!I12xQHH68x16s")
_TLV: Final = struct.Struct("!BBH")
_EPOCH: Final = (NTP_UNIX_SECONDS << 32) * 1_000_000_000 + 500_000_000  # and half a nanosecond, to round
_EXTRA_PADDING: Final = 1
_UNRECOGNIZED: Final = 0x80  # a sender sets U, and the reflector clears it (RFC 8972 section 4)


Key = bytes | PreparedKey  # the second is for an end that checks thousands of packets a second


class BadPacket(ValueError):
    """The datagram is no STAMP packet of this session: too short, or its HMAC does not fit."""


@dataclass(frozen=True)
class Request:
    """What a session-sender says: times are nanoseconds since 1970."""

    sequence: int
    ssid: int
    sent_ns: int


@dataclass(frozen=True)
class Reply:
    """What a session-reflector says; its own sequence number counts what it has reflected."""

    sequence: int
    ssid: int
    request_sequence: int
    request_sent_ns: int
    received_ns: int
    sent_ns: int


def pack_request(request: Request, key: Key, length: int = VOICE_LENGTH) -> bytes:
    """Return the sender's datagram, padded to `length` bytes."""
    base = _SENDER.pack(request.sequence, to_ntp(request.sent_ns), ERROR_ESTIMATE, request.ssid)
    return base + _mac(base, key) + _padding(length - BASE_LENGTH, _UNRECOGNIZED)


def peek_ssid(datagram: bytes) -> int:
    """Return the SSID that a datagram of either kind claims, before anything is verified. BadPacket when too short."""
    if len(datagram) < BASE_LENGTH:
        raise BadPacket(f"{len(datagram)} bytes; a packet has at least {BASE_LENGTH}")
    return int.from_bytes(datagram[26:28], "big")


class InPlace:
    """A sender's datagram in a buffer that is used again and again: read where it lies, and answered there.

    For an end that answers thousands of packets a second: nothing is copied, and nothing is made but the HMACs.
    """

    __slots__ = ("_buffer", "_error_estimate", "_hmac", "_hmac_field", "_sent", "_signed", "sequence", "ssid")

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._signed, self._hmac_field = buffer[:SIGNED_LENGTH], buffer[SIGNED_LENGTH:BASE_LENGTH]

    def peek(self) -> None:
        """Read what a datagram of at least `BASE_LENGTH` bytes claims; nothing is verified."""
        self.sequence, self._sent, self._error_estimate, self.ssid, self._hmac = _SENDER_SIGNED.unpack_from(
            self._buffer
        )

    def is_signed(self, key: PreparedKey) -> bool:
        """Tell whether the HMAC fits."""
        return hmac.compare_digest(key.digest(self._signed)[:HMAC_LENGTH], self._hmac)

    def turn_round(self, length: int, sequence: int, received: int, sent: int, key: PreparedKey) -> None:
        """Write the answer over a verified datagram of `length` bytes; of the padding only its U flag changes.

        The times are NTP's (`to_ntp`).
        """
        _REFLECTOR.pack_into(
            self._buffer, 0,
            sequence, sent, ERROR_ESTIMATE, self.ssid, received, self.sequence, self._sent, self._error_estimate,
            TTL_UNKNOWN,
        )  # fmt: skip
        self._hmac_field[:] = key.digest(self._signed)[:HMAC_LENGTH]
        if length >= BASE_LENGTH + _TLV.size and self._buffer[BASE_LENGTH + 1] == _EXTRA_PADDING:
            self._buffer[BASE_LENGTH] &= ~_UNRECOGNIZED


def unpack_request(datagram: bytes, key: Key) -> Request:
    """Return what a sender's datagram says. Raises BadPacket."""
    _check(datagram, key)
    sequence, sent, _, ssid = _SENDER.unpack_from(datagram)
    return Request(sequence, ssid, from_ntp(sent))


def pack_reply(datagram: bytes, *, sequence: int, received_ns: int, sent_ns: int, key: Key) -> bytes:
    """Return the answer to a sender's (verified) `datagram`, of the same length, never longer."""
    request_sequence, request_sent, error, ssid = _SENDER.unpack_from(datagram)
    base = _REFLECTOR.pack(
        sequence, to_ntp(sent_ns), ERROR_ESTIMATE, ssid, to_ntp(received_ns), request_sequence, request_sent, error,
        TTL_UNKNOWN,
    )  # fmt: skip
    return base + _mac(base, key) + _padding(len(datagram) - BASE_LENGTH, 0)


def unpack_reply(datagram: bytes, key: Key) -> Reply:
    """Return what a reflector's datagram says. Raises BadPacket."""
    _check(datagram, key)
    sequence, sent, _, ssid, received, request_sequence, request_sent, _, _ = _REFLECTOR.unpack_from(datagram)
    return Reply(sequence, ssid, request_sequence, from_ntp(request_sent), from_ntp(received), from_ntp(sent))


def to_ntp(unix_ns: int) -> int:
    """Return nanoseconds since 1970 as an NTP timestamp; it wraps in 2036 as RFC 5905 says."""
    return ((unix_ns << 32) + _EPOCH) // 1_000_000_000 & 0xFFFF_FFFF_FFFF_FFFF


def from_ntp(timestamp: int) -> int:
    """Return an NTP timestamp as nanoseconds since 1970; values below 2^63 lie in the era that begins in 2036."""
    seconds, fraction = timestamp >> 32, timestamp & 0xFFFF_FFFF
    era = 0 if seconds >> 31 else 1 << 32
    return (seconds + era - NTP_UNIX_SECONDS) * 1_000_000_000 + ((fraction * 1_000_000_000 + (1 << 31)) >> 32)


def _check(datagram: bytes, key: Key) -> None:
    if len(datagram) < BASE_LENGTH:
        raise BadPacket(f"{len(datagram)} bytes; a packet has at least {BASE_LENGTH}")
    if not hmac.compare_digest(_mac(datagram[:SIGNED_LENGTH], key), datagram[SIGNED_LENGTH:BASE_LENGTH]):
        raise BadPacket("the HMAC does not fit")


def _mac(base: bytes, key: Key) -> bytes:
    digest = key.digest(base) if isinstance(key, PreparedKey) else hmac.digest(key, base, "sha256")
    return digest[:HMAC_LENGTH]


@lru_cache(maxsize=16)  # a sender's packets have one length, or a few
def _padding(length: int, flags: int) -> bytes:
    if length < _TLV.size:
        return bytes(max(0, length))
    return _TLV.pack(flags, _EXTRA_PADDING, length - _TLV.size) + bytes(length - _TLV.size)
