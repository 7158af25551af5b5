"""RFC 8489: STUN messages, as far as binding over UDP with a short-term credential needs them.

    header (5)       type · length of the attributes · magic cookie · transaction id (12 bytes)
    attribute (14)   type · length · value, padded to four bytes

MESSAGE-INTEGRITY (14.5) is HMAC-SHA-1 over everything before it, the header's length reaching to its own end;
FINGERPRINT (14.7) is a CRC-32 over everything before it. Attribute types below 0x8000 must be understood.
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111

MAPPED_ADDRESS: Final = 0x0001
USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
XOR_MAPPED_ADDRESS: Final = 0x0020
SOFTWARE: Final = 0x8022
FINGERPRINT: Final = 0x8028

RETRANSMISSION_SECONDS: Final = (0.0, 0.5, 1.5)  # 6.2.1: RTO of 500 ms, doubled; three instead of seven
TRANSACTION_SECONDS: Final = 2.5  # when no answer counts as silence
MOST_SOFTWARE: Final = 127  # characters, 14.14
TRANSACTION_LENGTH: Final = 12
UNKNOWN_ATTRIBUTE: Final = (420, "Unknown Attribute")

_COOKIE: Final = 0x2112A442
_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_OPTIONAL: Final = 0x8000
_FINGERPRINT_XOR: Final = 0x5354554E
_MAC_LENGTH: Final = 20
_CRC_LENGTH: Final = 4
_FAMILIES: Final = {4: 0x01, 6: 0x02}
_LENGTHS: Final = {0x01: 4, 0x02: 16}


class BadMessage(ValueError):
    """The datagram is no STUN message, or one that is damaged."""


class Endpoint(NamedTuple):
    """A transport address."""

    address: str
    port: int

    @classmethod
    def of(cls, socket_address: Sequence[object]) -> Endpoint:
        """Return what a socket calls an address, without the scope of IPv6."""
        return cls(str(socket_address[0]).partition("%")[0], int(str(socket_address[1])))


@dataclass(frozen=True)
class Message:
    """Type, transaction id, and the attributes that count: those before MESSAGE-INTEGRITY, in order."""

    kind: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()

    def get(self, kind: int) -> bytes | None:
        """Return the first attribute of this type (14: others are ignored), or None."""
        return next((value for found, value in self.attributes if found == kind), None)

    def not_understood(self, known: frozenset[int]) -> list[int]:
        """Return the attribute types that must be understood and are not `known`."""
        return sorted({kind for kind, _ in self.attributes if kind < _OPTIONAL and kind not in known})


def pack(message: Message, password: bytes | None) -> bytes:
    """Return the datagram, with FINGERPRINT, and with MESSAGE-INTEGRITY where there is a `password`."""
    body = b"".join(_pack_attribute(kind, value) for kind, value in message.attributes)
    if password is not None:
        length = len(body) + _ATTRIBUTE.size + _MAC_LENGTH
        mac = hmac.digest(password, _header(message, length) + body, "sha1")
        body += _pack_attribute(MESSAGE_INTEGRITY, mac)
    length = len(body) + _ATTRIBUTE.size + _CRC_LENGTH
    head = _header(message, length)
    return head + body + _pack_attribute(FINGERPRINT, _crc(head + body))


def unpack(datagram: bytes) -> Message:
    """Return the message in a datagram; a FINGERPRINT must fit, MESSAGE-INTEGRITY is not looked at. BadMessage."""
    attributes = []
    complete = False
    for offset, kind, value in _walk(datagram):
        if kind == FINGERPRINT and value != _crc(datagram[:offset]):
            raise BadMessage("the FINGERPRINT does not fit")
        complete |= kind == MESSAGE_INTEGRITY
        if not complete and kind != FINGERPRINT:
            attributes.append((kind, value))
    kind, _, _, transaction = _HEADER.unpack_from(datagram)
    return Message(kind, transaction, tuple(attributes))


def is_authentic(datagram: bytes, password: bytes) -> bool:
    """Tell whether the MESSAGE-INTEGRITY of a datagram was made with `password`. BadMessage when it is no message."""
    for offset, kind, value in _walk(datagram):
        if kind == MESSAGE_INTEGRITY:
            length = offset + _ATTRIBUTE.size + _MAC_LENGTH - _HEADER.size
            covered = datagram[:2] + length.to_bytes(2, "big") + datagram[4:offset]
            return hmac.compare_digest(value, hmac.digest(password, covered, "sha1"))
    return False


def pack_address(endpoint: Endpoint) -> bytes:
    """Return the value of MAPPED-ADDRESS (14.1) and of the other attributes of its shape."""
    address = ipaddress.ip_address(endpoint.address)
    return struct.pack("!xBH", _FAMILIES[address.version], endpoint.port) + address.packed


def unpack_address(value: bytes) -> Endpoint:
    """Return the transport address in such a value. Raises BadMessage."""
    if len(value) < 4 or len(value) - 4 != _LENGTHS.get(value[1]):
        raise BadMessage(f"an address of {len(value)} bytes")
    return Endpoint(str(ipaddress.ip_address(value[4:])), int.from_bytes(value[2:4], "big"))


def pack_xor_address(endpoint: Endpoint, transaction: bytes) -> bytes:
    """Return the value of XOR-MAPPED-ADDRESS (14.2)."""
    return _xor(pack_address(endpoint), transaction)


def unpack_xor_address(value: bytes, transaction: bytes) -> Endpoint:
    """Return the transport address in an XOR-MAPPED-ADDRESS. Raises BadMessage."""
    return unpack_address(_xor(value, transaction))


def pack_error(code: int, reason: str) -> bytes:
    """Return the value of ERROR-CODE (14.8)."""
    return struct.pack("!xxBB", code // 100, code % 100) + reason.encode()


def _header(message: Message, length: int) -> bytes:
    return _HEADER.pack(message.kind, length, _COOKIE, message.transaction)


def _pack_attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _walk(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield where each attribute begins, its type and its value. Raises BadMessage."""
    if len(datagram) < _HEADER.size:
        raise BadMessage(f"{len(datagram)} bytes; a message has at least {_HEADER.size}")
    kind, length, cookie, _ = _HEADER.unpack_from(datagram)
    if kind >> 14 or cookie != _COOKIE or length % 4 or length != len(datagram) - _HEADER.size:
        raise BadMessage("no header of STUN")
    offset = _HEADER.size
    while offset < len(datagram):
        kind, length = _ATTRIBUTE.unpack_from(datagram, offset)
        begin = offset + _ATTRIBUTE.size
        if begin + length > len(datagram):
            raise BadMessage(f"attribute {kind:#06x} is longer than the message")
        yield offset, kind, datagram[begin : begin + length]
        offset = begin + length + -length % 4


def _crc(data: bytes) -> bytes:
    return (zlib.crc32(data) ^ _FINGERPRINT_XOR).to_bytes(_CRC_LENGTH, "big")


def _xor(value: bytes, transaction: bytes) -> bytes:
    """Return an address with its port and its bytes masked, or unmasked, by the cookie and the transaction id."""
    mask = struct.pack("!xxHI", _COOKIE >> 16, _COOKIE) + transaction
    return bytes(byte ^ key for byte, key in zip(value, mask, strict=False))
