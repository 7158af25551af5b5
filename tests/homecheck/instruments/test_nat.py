"""Our client against coturn, which is not ours, and against far ends that talk nonsense."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.nat import Asker, Credential, Nat, StunOffer, Unanswered, discover, free_socket
from homecheck.instruments.udp_exchange import bound
from homecheck.standards import rfc_5780, rfc_8489
from homecheck.standards.rfc_5780 import Behaviour
from homecheck.standards.rfc_8489 import Endpoint, Message
from homecheck.strict_json import Record
from tests.coturn import coturn
from tests.ports import free_port
from tests.strangers import strange, thoroughly

HOST, OTHER_HOST = "127.0.0.1", "127.0.0.2"
LOOPBACK = FarEnd("http", HOST, 1, "", socket.AF_INET, HOST)
KEY = Credential("4242", b"password")
SERVER = Endpoint(HOST, 3478)


def test_coturn_with_two_addresses_is_understood_in_every_test(tmp_path: Path) -> None:
    port = free_port(also_next=True)
    with coturn(tmp_path, port, HOST, OTHER_HOST):
        found = until_answered(StunOffer(port, port + 1))
    assert not isinstance(found, Unanswered)
    assert not found.translated
    assert found.server_addresses == 2
    assert found.mapping is Behaviour.ENDPOINT_INDEPENDENT
    assert found.filtering is Behaviour.ENDPOINT_INDEPENDENT


def until_answered(offer: StunOffer) -> Nat | Unanswered:
    give_up = time.monotonic() + 60
    while isinstance(found := discover(LOOPBACK, offer, None), Unanswered) and time.monotonic() < give_up:
        pass
    return found


def answer(
    attributes: list[tuple[int, bytes]], transaction: bytes = bytes(12), password: bytes = KEY.password
) -> bytes:
    return rfc_8489.pack(Message(rfc_8489.BINDING_SUCCESS, transaction, tuple(attributes)), password)


MAPPED = (rfc_8489.XOR_MAPPED_ADDRESS, rfc_8489.pack_xor_address(Endpoint("192.0.2.9", 4000), bytes(12)))
GOOD = answer([MAPPED])


def test_an_answer_of_the_server_is_read() -> None:
    other = (rfc_5780.OTHER_ADDRESS, rfc_8489.pack_address(Endpoint("192.0.2.2", 3479)))
    seen = Asker(KEY).read(answer([MAPPED, other]), bytes(12))
    assert seen is not None
    assert (seen.mapped, seen.other) == (("192.0.2.9", 4000), ("192.0.2.2", 3479))


@pytest.mark.parametrize(
    ("datagram", "changed"),
    [
        (b"noise", 0),
        (answer([MAPPED], transaction=b"x" * 12), 0),
        (answer([MAPPED], password=b"a stranger's"), 1),
        (rfc_8489.pack(Message(rfc_8489.BINDING_SUCCESS, bytes(12), (MAPPED,)), None), 1),
        (rfc_8489.pack(Message(rfc_8489.BINDING_ERROR, bytes(12), (MAPPED,)), KEY.password), 0),
        (answer([]), 0),
        (answer([(rfc_8489.XOR_MAPPED_ADDRESS, b"\0\x01")]), 0),
        (answer([MAPPED, (rfc_5780.OTHER_ADDRESS, b"")]), 0),
    ],
    ids=["noise", "another question's", "forged", "unsigned", "error", "empty", "cut off", "bad other"],
)
def test_a_strangers_answer_is_ignored(datagram: bytes, changed: int) -> None:
    asker = Asker(KEY)
    assert asker.read(datagram, bytes(12)) is None
    assert asker.changed == changed


def test_an_answer_from_another_source_is_ignored() -> None:
    with closing(bound(socket.AF_INET, HOST, 0)) as sock:
        question = Asker(KEY).question(sock, SERVER)
        good = answer([MAPPED], transaction=question.datagram[8:20])
        assert question.read(good, Endpoint(HOST, 3479)) is None
        assert question.read(good, Endpoint(OTHER_HOST, 3478)) is None
        assert question.read(good, SERVER) is not None
        changed = Asker(KEY).question(sock, SERVER, 6, Endpoint(OTHER_HOST, 3479))
        good = answer([MAPPED], transaction=changed.datagram[8:20])
        assert changed.read(good, SERVER) is None  # a server that does not change proves nothing about the filter
        assert changed.read(good, Endpoint(OTHER_HOST, 3479)) is not None


def test_a_far_end_without_a_route_is_the_home_links_fault() -> None:
    nowhere = FarEnd("http", "nowhere", 1, "", socket.AF_INET6, "fe80::1")  # on no link
    with pytest.raises(ProbeError) as raised:
        discover(nowhere, StunOffer(3478, 3479), KEY)
    assert (raised.value.code, raised.value.at_fault) == ("no_route", "home_link")


@pytest.mark.parametrize("stun", [{"port": 3478}, {"port": 0, "other_port": 1}, {"port": 1, "other_port": 65536}, "x"])
def test_an_offer_without_ports_is_refused(stun: object) -> None:
    with pytest.raises(Refused):
        StunOffer.read(Record({"stun": stun}, "about"))


def test_a_responder_without_the_service_offers_none() -> None:
    assert StunOffer.read(Record({}, "about")) is None


def test_an_address_that_is_gone_is_named() -> None:
    changed = FarEnd("http", "x", 80, "", socket.AF_INET, "::1")  # an address of one family for a socket of the other
    with pytest.raises(ProbeError) as raised:
        free_socket(changed)
    assert raised.value.code in ("no_interface", "no_route")


TRANSACTION = bytes(12)
SEEN = rfc_8489.pack(
    Message(
        rfc_8489.BINDING_SUCCESS,
        TRANSACTION,
        (
            (rfc_8489.XOR_MAPPED_ADDRESS, rfc_8489.pack_xor_address(SERVER, TRANSACTION)),
            (rfc_5780.OTHER_ADDRESS, rfc_8489.pack_address(Endpoint("::1", 9))),
        ),
    ),
    None,
)


@thoroughly
@given(strange(SEEN))
def test_any_datagram_is_an_answer_or_passed_over(datagram: bytes) -> None:
    found = Asker(None).read(datagram, TRANSACTION)
    assert found is None or 0 <= found.mapped.port < 65536
    assert Asker(KEY).read(datagram, TRANSACTION) is None
