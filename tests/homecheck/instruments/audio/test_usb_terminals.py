"""USB descriptors put together byte by byte after the tables of USB 2.0 (9.6) and Audio Devices 1.0 (4.3.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.usb_terminals import of_sound_card, parse


def device(vendor: int, product: int) -> bytes:
    ids = vendor.to_bytes(2, "little") + product.to_bytes(2, "little")
    return bytes([18, 1, 0, 2, 0, 0, 0, 8]) + ids + bytes([0, 1, 1, 2, 3, 1])


def interface(number: int, kind: int, subclass: int) -> bytes:
    return bytes([9, 4, number, 0, 0, kind, subclass, 0, 0])


def input_terminal(terminal: int) -> bytes:
    return bytes([12, 0x24, 2, 1]) + terminal.to_bytes(2, "little") + bytes([0, 1, 0, 0, 0, 0])


def output_terminal(terminal: int) -> bytes:
    return bytes([9, 0x24, 3, 5]) + terminal.to_bytes(2, "little") + bytes([0, 2, 0])


CONFIGURATION = bytes([9, 2, 0, 1, 4, 1, 0, 0x80, 50])
FEATURE_UNIT = bytes([9, 0x24, 6, 2, 1, 1, 3, 0, 0])
# The order in which `lsusb -v` shows a CORSAIR VOID ELITE Wireless (ckb-next, issue 900): it calls itself headset.
HEADSET = (
    device(0x1B1C, 0x0A51) + CONFIGURATION + interface(0, 1, 1) + input_terminal(0x0101) + FEATURE_UNIT
    + output_terminal(0x0402) + interface(1, 1, 2) + bytes([7, 0x24, 1, 1, 1, 1, 0]) + interface(3, 3, 0)
)  # fmt: skip
WEBCAM = device(0x046D, 0x085B) + CONFIGURATION + interface(0, 0x0E, 1) + interface(2, 1, 1) + input_terminal(0x0201)
TELEPHONE = (
    device(0xDEAD, 0x0001) + CONFIGURATION + interface(0, 1, 1) + input_terminal(0x0501) + output_terminal(0x0502)
)


def usb(data: bytes, name: str = "USB Audio") -> Facts:
    found = parse(data)
    assert found is not None
    return Facts(
        id="x", name=name, backend="alsa", bus="usb", input_channels=1, native_rate=48000,
        vendor_id="dead", product_id="beef", terminals=found.terminals, camera=found.camera,
    )  # fmt: skip


def test_ids_and_terminals_are_read_and_the_end_towards_the_computer_is_not_one() -> None:
    found = parse(HEADSET)
    assert found is not None
    assert (found.vendor_id, found.product_id) == ("1b1c", "0a51")
    assert (found.terminals, found.camera) == ((0x0402,), False)


def test_class_descriptors_of_other_interfaces_are_no_terminals() -> None:
    found = parse(
        device(1, 2) + interface(0, 1, 2) + output_terminal(0x0402) + interface(1, 3, 0) + input_terminal(0x0201)
    )
    assert found is not None
    assert found.terminals == ()


def test_a_receiver_that_calls_itself_headset_is_worn_and_not_wired() -> None:
    endpoint = classify(usb(HEADSET))
    assert (endpoint.transport, endpoint.headset) == ("unverified", True)
    assert "descriptors call it headset" in endpoint.headset_reason


def test_a_camera_on_the_same_device_is_no_headset_whatever_its_name() -> None:
    endpoint = classify(usb(WEBCAM, "Wired Headset"))
    assert (endpoint.transport, endpoint.headset, endpoint.kind) == ("unverified", False, "webcam")
    assert "camera" in endpoint.reason


def test_a_phone_line_in_the_descriptors_is_a_landline_adapter() -> None:
    endpoint = classify(usb(TELEPHONE))
    assert (endpoint.transport, endpoint.headset, endpoint.kind) == ("unverified", False, "landline-adapter")
    assert "phone line" in endpoint.reason


@pytest.mark.parametrize(
    ("terminal", "headset"),
    [
        (0x0302, True),
        (0x0403, False),
        (0x0405, False),
        (0x0401, False),
        (0x0202, False),
        (0x0205, False),
        (0x0201, None),
    ],
)
def test_other_terminals_tell_what_is_worn(terminal: int, headset: bool | None) -> None:
    found = usb(device(1, 2) + interface(0, 1, 1) + input_terminal(terminal))
    assert classify(found).headset is headset


def test_the_descriptors_of_a_card_are_found_beside_its_interface(tmp_path: Path) -> None:
    port = tmp_path / "devices/usb1/1-2"
    (port / "1-2:1.0/sound/card3").mkdir(parents=True)
    (port / "descriptors").write_bytes(HEADSET)
    (tmp_path / "class/sound").mkdir(parents=True)
    (tmp_path / "class/sound/card3").symlink_to(port / "1-2:1.0/sound/card3")
    (port / "1-2:1.0/sound/card3/device").symlink_to(port / "1-2:1.0")
    found = of_sound_card("3", tmp_path)
    assert found is not None
    assert found.terminals == (0x0402,)
    assert of_sound_card("4", tmp_path) is None


@pytest.mark.parametrize("number", ["", "../3", "3/..", "x"])
def test_a_card_number_is_a_number(number: str, tmp_path: Path) -> None:
    assert of_sound_card(number, tmp_path) is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    parse(data)
    parse(HEADSET[:18] + data)


@settings(deadline=None)
@given(st.integers(0, len(HEADSET)))
def test_descriptors_that_are_cut_off_say_less_and_nothing_else(length: int) -> None:
    found = parse(HEADSET[:length])
    assert found is None or found.terminals in ((), (0x0402,))
