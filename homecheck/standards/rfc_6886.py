"""RFC 6886, NAT-PMP: asking a router for its address on the internet's side (section 3.2). Nothing is changed there.

PCP (RFC 6887) tells that address too, but only when a port is opened for it.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

PORT: Final = 5351
REQUEST: Final = b"\0\0"  # version 0, opcode 0: external address
_ANSWER: Final = struct.Struct("!BBHI4s")  # version, 128 + opcode, result, seconds since start, address
_EXTERNAL_ADDRESS: Final = 128
_SUCCESS: Final = 0


class BadAnswer(ValueError):
    """The datagram is no answer to the request, or says that the router has no address to tell."""


@dataclass(frozen=True)
class External:
    """The router's address on its outer side."""

    address: str


def parse_answer(data: bytes) -> External:
    """Return the address in an answer. Raises BadAnswer."""
    if len(data) < _ANSWER.size:
        raise BadAnswer(f"{len(data)} bytes, at least {_ANSWER.size} belong to an answer")
    version, opcode, result, _, packed = _ANSWER.unpack_from(data)
    if (version, opcode) != (0, _EXTERNAL_ADDRESS):
        raise BadAnswer(f"version {version}, opcode {opcode}")
    address = ipaddress.IPv4Address(packed)
    if result != _SUCCESS or address.is_unspecified:
        raise BadAnswer(f"result {result}, address {address}")
    return External(str(address))
