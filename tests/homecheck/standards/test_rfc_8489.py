"""The sample messages of RFC 5769 (2.1, 2.2, 2.3), which were made without us, and datagrams that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.standards import rfc_8489
from homecheck.standards.rfc_8489 import BadMessage, Endpoint, Message, is_authentic, pack, unpack

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
HEADER = "2112a442" + TRANSACTION.hex()
REQUEST = bytes.fromhex(
    "00010058" + HEADER
    + "80220010" + b"STUN test client".hex()
    + "00240004" + "6e0001ff"  # PRIORITY
    + "80290008" + "932ff9b151263b36"  # ICE-CONTROLLED
    + "00060009" + b"evtj:h6vY".hex() + "202020"
    + "00080014" + "9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    + "80280004" + "e57a3bcf"
)  # fmt: skip
SOFTWARE = "8022000b" + b"test vector".hex() + "20"
RESPONSE_4 = bytes.fromhex(
    "0101003c" + HEADER + SOFTWARE
    + "00200008" + "0001a147e112a643"
    + "00080014" + "2b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    + "80280004" + "c07d4c96"
)  # fmt: skip
RESPONSE_6 = bytes.fromhex(
    "01010048" + HEADER + SOFTWARE
    + "00200014" + "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    + "00080014" + "a382954e4be67bf11784c97c8292c275bfe3ed41"
    + "80280004" + "c8fb0b4c"
)  # fmt: skip
MAPPED = {
    RESPONSE_4: Endpoint("192.0.2.1", 32853),
    RESPONSE_6: Endpoint("2001:db8:1234:5678:11:2233:4455:6677", 32853),
}


@pytest.mark.parametrize("sample", [REQUEST, RESPONSE_4, RESPONSE_6], ids=["2.1", "2.2", "2.3"])
def test_the_samples_of_rfc_5769_are_authentic(sample: bytes) -> None:
    assert unpack(sample).transaction == TRANSACTION
    assert is_authentic(sample, PASSWORD)
    assert not is_authentic(sample, PASSWORD + b"x")


def test_the_sample_request_is_read_attribute_by_attribute() -> None:
    message = unpack(REQUEST)
    assert message.kind == rfc_8489.BINDING_REQUEST
    assert message.get(rfc_8489.USERNAME) == b"evtj:h6vY"
    assert message.get(rfc_8489.SOFTWARE) == b"STUN test client"
    assert message.not_understood(frozenset({rfc_8489.USERNAME})) == [0x0024]  # PRIORITY; the others may be ignored


@pytest.mark.parametrize("sample", list(MAPPED), ids=["IPv4", "IPv6"])
def test_mapped_addresses_are_those_of_the_samples(sample: bytes) -> None:
    value = unpack(sample).get(rfc_8489.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert rfc_8489.unpack_xor_address(value, TRANSACTION) == MAPPED[sample]
    assert rfc_8489.pack_xor_address(MAPPED[sample], TRANSACTION) == value


def test_what_is_packed_has_the_bytes_of_a_sample_with_zeros_for_padding() -> None:
    address = rfc_8489.pack_xor_address(Endpoint("192.0.2.1", 32853), TRANSACTION)
    attributes = ((rfc_8489.SOFTWARE, b"test vector"), (rfc_8489.XOR_MAPPED_ADDRESS, address))
    packed = pack(Message(rfc_8489.BINDING_SUCCESS, TRANSACTION, attributes), PASSWORD)
    padding = RESPONSE_4.index(b"test vector") + len(b"test vector")
    assert packed[:padding] + b" " + packed[padding + 1 : 48] == RESPONSE_4[:48]
    assert is_authentic(packed, PASSWORD)
    assert len(packed) == len(RESPONSE_4)


# All but the type of FINGERPRINT itself: then there is none, and MESSAGE-INTEGRITY has to tell.
@pytest.mark.parametrize("position", [at for at in range(len(REQUEST)) if at not in (100, 101)])
def test_no_byte_of_a_message_can_be_changed_unseen(position: int) -> None:
    changed = bytearray(REQUEST)
    changed[position] ^= 0x01
    with pytest.raises(BadMessage):
        unpack(bytes(changed))


def test_what_stands_behind_the_integrity_does_not_count() -> None:
    body = RESPONSE_4[20 : RESPONSE_4.index(bytes.fromhex("80280004"))]
    late = bytes.fromhex("00060004") + b"evil"
    datagram = RESPONSE_4[:2] + len(body + late).to_bytes(2, "big") + RESPONSE_4[4:20] + body + late
    assert unpack(datagram).get(rfc_8489.USERNAME) is None
    assert is_authentic(datagram, PASSWORD)


def test_a_message_without_integrity_is_not_authentic() -> None:
    assert not is_authentic(pack(Message(rfc_8489.BINDING_REQUEST, TRANSACTION), None), PASSWORD)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        REQUEST[:19],
        REQUEST[:-4],
        REQUEST + bytes(4),
        b"\xc0" + REQUEST[1:],
        bytes.fromhex("00010004" + HEADER + "00060100"),  # an attribute longer than the message
        bytes.fromhex("00010002" + HEADER + "0006"),
        b"INVITE sip:mirror@192.0.2.1 SIP/2.0\r\n\r\n",
    ],
)
def test_a_datagram_that_is_no_message_is_refused(datagram: bytes) -> None:
    with pytest.raises(BadMessage):
        unpack(datagram)


@pytest.mark.parametrize("value", [b"", b"\0\x01\0", b"\0\x03\0\x01\x7f\0\0\x01", b"\0\x01\0\x01\x7f\0\0", bytes(20)])
def test_an_address_of_no_family_or_another_length_is_refused(value: bytes) -> None:
    with pytest.raises(BadMessage):
        rfc_8489.unpack_address(value)


@given(st.binary(max_size=60), st.integers(0, 15))
def test_any_bytes_are_read_or_refused(tail: bytes, words: int) -> None:
    for datagram in (tail, bytes.fromhex("0001") + (4 * words).to_bytes(2, "big") + bytes.fromhex(HEADER) + tail):
        try:
            message = unpack(datagram)
        except BadMessage:
            continue
        assert message.transaction == TRANSACTION


def test_an_error_code_has_its_class_and_its_number() -> None:
    assert rfc_8489.pack_error(420, "Unknown Attribute") == bytes.fromhex("00000414") + b"Unknown Attribute"
