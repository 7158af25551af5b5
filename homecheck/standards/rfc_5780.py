"""RFC 5780: what a NAT does, told from the addresses that a STUN server sees.

Attributes of section 7, and the decisions of 4.3 (mapping) and 4.4 (filtering). The words are those of RFC 4787: 4.1
for mappings, section 5 for filters.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from homecheck.standards.rfc_8489 import Endpoint

CHANGE_REQUEST: Final = 0x0003
RESPONSE_ORIGIN: Final = 0x802B
OTHER_ADDRESS: Final = 0x802C

CHANGE_ADDRESS: Final = 0x4  # "change IP": answer from the other address
CHANGE_PORT: Final = 0x2  # answer from the other port


class Behaviour(StrEnum):
    """What a mapping or a filter depends on, the kindest to calls first."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"


def mapping(first: Endpoint, second: Endpoint | None, third: Endpoint | None) -> Behaviour | None:
    """Return the mapping by 4.3 from what the server saw of one socket, or None when what is needed is missing.

    `first` came to the server's own address and port, `second` to its other address and the same port, `third` to its
    other address and other port.
    """
    if second == first:
        return Behaviour.ENDPOINT_INDEPENDENT
    if second is None or third is None:
        return None
    return Behaviour.ADDRESS_DEPENDENT if third == second else Behaviour.ADDRESS_AND_PORT_DEPENDENT


def mapping_by_port(first: Endpoint, other_port: Endpoint | None) -> Behaviour | None:
    """Return what can be told of the mapping by one server address with two ports (RFC 4787 4.1).

    Different mappings for two ports of one address leave one kind only; the same mapping leaves two kinds: None.
    """
    if other_port is not None and other_port != first:
        return Behaviour.ADDRESS_AND_PORT_DEPENDENT
    return None


def filtering(from_other_address: bool | None, from_other_port: bool) -> Behaviour | None:
    """Return the filter by 4.4: which answers came through that were sent from elsewhere than the request went to.

    `from_other_address`: other address and port; None without a second address, when only the strictest kind can be
    told from the others. `from_other_port`: the same address, other port.
    """
    if from_other_address:
        return Behaviour.ENDPOINT_INDEPENDENT
    if not from_other_port:
        return Behaviour.ADDRESS_AND_PORT_DEPENDENT
    return None if from_other_address is None else Behaviour.ADDRESS_DEPENDENT
