"""The examples of RFC 6455 1.3 and 5.7, cut up in every way, and what no server may send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.errors import Refused
from homecheck.standards import rfc_6455
from homecheck.standards.rfc_6455 import Frame, ServerFrames
from tests.ndt7_servers import frame
from tests.strangers import strange, thoroughly

HELLO = bytes.fromhex("81 05 48 65 6c 6c 6f")
IN_TWO = bytes.fromhex("01 03 48 65 6c 80 02 6c 6f")
PING = bytes.fromhex("89 05 48 65 6c 6c 6f")
BYTES_256 = bytes.fromhex("82 7e 01 00") + bytes(256)
BYTES_64K = bytes.fromhex("82 7f 00 00 00 00 00 01 00 00") + bytes(65536)


def read(data: bytes, piece: int) -> tuple[list[Frame], int]:
    frames = ServerFrames(most_kept=100)
    found = [frame for start in range(0, len(data), piece) for frame in frames.feed(data[start : start + piece])]
    return found, frames.binary


def test_the_answer_to_the_key_of_the_rfc() -> None:
    assert rfc_6455.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_masked_text_is_the_one_of_the_rfc() -> None:
    mask = bytes.fromhex("37 fa 21 3d")
    made = rfc_6455.client_header(rfc_6455.TEXT, 5, mask) + rfc_6455.masked(b"Hello", mask)
    assert made == bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")


@pytest.mark.parametrize(
    ("length", "head"), [(125, "82 fd"), (126, "82 fe 00 7e"), (65536, "82 ff 00 00 00 00 00 01 00 00")]
)
def test_the_length_takes_the_shortest_of_three_forms(length: int, head: str) -> None:
    assert rfc_6455.client_header(rfc_6455.BINARY, length, b"mask") == bytes.fromhex(head) + b"mask"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (HELLO, [Frame(rfc_6455.TEXT, b"Hello")]),
        (IN_TWO, [Frame(rfc_6455.TEXT, b"Hello")]),
        (PING, [Frame(rfc_6455.PING, b"Hello")]),
        (IN_TWO[:5] + PING + IN_TWO[5:], [Frame(rfc_6455.PING, b"Hello"), Frame(rfc_6455.TEXT, b"Hello")]),
        (bytes.fromhex("88 00 81 00"), [Frame(rfc_6455.CLOSE, b""), Frame(rfc_6455.TEXT, b"")]),
        (BYTES_256 + HELLO, [Frame(rfc_6455.TEXT, b"Hello")]),
    ],
    ids=["whole", "in-two", "ping", "ping-between", "empty", "behind-binary"],
)
def test_messages_are_read_however_they_are_cut_up(data: bytes, frames: list[Frame], piece: int) -> None:
    assert read(data, piece)[0] == frames


@pytest.mark.parametrize("piece", [1, 1000, 100_000])
def test_binary_bytes_are_counted_as_they_arrive(piece: int) -> None:
    continued = bytes.fromhex("02 03") + b"abc" + bytes.fromhex("80 02") + b"de"
    assert read(BYTES_256 + continued + BYTES_64K, piece)[1] == 256 + 5 + 65536
    assert read(BYTES_64K[:1010], piece)[1] == 1000  # the message is not whole


@pytest.mark.parametrize(
    "data",
    [
        "81 85 37 fa 21 3d 7f 9f 4d 51 58",  # masked
        "c1 00",  # compressed, which nobody asked for
        "83 00",  # no opcode
        "89 7e 00 7e",  # a ping of 126 bytes
        "09 00",  # a ping in pieces
        "80 00",  # goes on with nothing
        "01 00 81 00",  # a new message inside another
        "81 7e 00 65",  # a text of 101 bytes
        "01 64" + " 41" * 100 + "80 01",  # the same in two
    ],
)
def test_what_no_server_may_send_is_refused(data: str) -> None:
    with pytest.raises(Refused) as refused:
        read(bytes.fromhex(data), 1)
    assert refused.value.reason == "websocket"


@thoroughly
@given(strange(HELLO, IN_TWO + PING, BYTES_256[:20], bytes.fromhex("88 02 03 e8")), st.integers(1, 12))
def test_any_bytes_are_frames_or_refused_however_they_are_cut_up(data: bytes, piece: int) -> None:
    def outcome(size: int) -> tuple[list[Frame], int] | str:
        try:
            return read(data, size)
        except Refused as refused:
            return refused.reason

    assert outcome(piece) == outcome(1)
    assert outcome(1) == "websocket" or isinstance(outcome(1), tuple)


@thoroughly
@given(st.lists(st.tuples(st.sampled_from((rfc_6455.TEXT, rfc_6455.PING, rfc_6455.BINARY)), st.binary(max_size=100))))
def test_what_a_server_writes_is_read(messages: list[tuple[int, bytes]]) -> None:
    frames, binary = read(b"".join(frame(*message) for message in messages), 7)
    assert frames == [Frame(*message) for message in messages if message[0] != rfc_6455.BINARY]
    assert binary == sum(len(payload) for opcode, payload in messages if opcode == rfc_6455.BINARY)
