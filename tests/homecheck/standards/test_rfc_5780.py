"""The decisions of RFC 5780 4.3 and 4.4, case by case."""

from __future__ import annotations

import pytest

from homecheck.standards import rfc_5780
from homecheck.standards.rfc_5780 import Behaviour, filtering, mapping, mapping_by_port
from homecheck.standards.rfc_8489 import Endpoint

A, B, C = (Endpoint("192.0.2.1", port) for port in (40000, 40001, 40002))
OTHER_ADDRESS = Endpoint("192.0.2.2", 40000)
INDEPENDENT, ADDRESS, PORT = Behaviour


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [
        (A, A, A, INDEPENDENT),
        (A, A, None, INDEPENDENT),  # test III is not needed
        (A, B, B, ADDRESS),
        (A, B, C, PORT),
        (A, B, A, PORT),
        (A, OTHER_ADDRESS, OTHER_ADDRESS, ADDRESS),  # a NAT with several addresses
        (A, B, None, None),
        (A, None, B, None),
    ],
)
def test_mapping_by_the_rules_of_4_3(
    first: Endpoint, second: Endpoint | None, third: Endpoint | None, expected: Behaviour | None
) -> None:
    assert mapping(first, second, third) is expected


@pytest.mark.parametrize(
    ("from_other_address", "from_other_port", "expected"),
    [(True, True, INDEPENDENT), (True, False, INDEPENDENT), (False, True, ADDRESS), (False, False, PORT)],
)
def test_filtering_by_the_rules_of_4_4(from_other_address: bool, from_other_port: bool, expected: Behaviour) -> None:
    assert filtering(from_other_address, from_other_port) is expected


def test_one_server_address_tells_only_the_strictest_kinds_from_the_others() -> None:
    assert mapping_by_port(A, B) is PORT
    assert mapping_by_port(A, A) is None
    assert mapping_by_port(A, None) is None
    assert filtering(None, from_other_port=False) is PORT
    assert filtering(None, from_other_port=True) is None


def test_the_words_are_those_of_rfc_4787() -> None:
    assert [kind.value for kind in Behaviour] == [
        "endpoint-independent",
        "address-dependent",
        "address-and-port-dependent",
    ]


def test_the_numbers_are_those_of_section_7() -> None:
    assert (rfc_5780.CHANGE_REQUEST, rfc_5780.RESPONSE_ORIGIN, rfc_5780.OTHER_ADDRESS) == (0x0003, 0x802B, 0x802C)
    # 7.2: the last octet of CHANGE-REQUEST reads 00000AB0: A changes the address, B the port.
    assert (rfc_5780.CHANGE_ADDRESS, rfc_5780.CHANGE_PORT) == (0b100, 0b010)
