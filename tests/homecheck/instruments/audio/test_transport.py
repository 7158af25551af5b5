"""From facts to a transport, in the order of evidence."""

from __future__ import annotations

from typing import Any

import pytest

from homecheck.device_list import WORD_LISTS
from homecheck.instruments.audio.endpoint import Facts, shown, usb_id
from homecheck.instruments.audio.name_rules import MACOS_LISTS, name_rules, parse_name_rules
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.usb_table import usb_table


def facts(**changed: Any) -> Facts:
    return Facts(**{"id": "x", "name": "Device", "backend": "pulse", "input_channels": 1, **changed})


def usb(ids: str, name: str = "USB Audio", **changed: Any) -> Facts:
    vendor, _, product = ids.partition(":")
    return facts(bus="usb", vendor_id=vendor, product_id=product, name=name, **changed)


# Ids and what they are: product pages of the makers and usb.ids, not the table under test.
@pytest.mark.parametrize(
    ("device", "transport", "connection", "headset"),
    [
        (usb("047f:c058", "Plantronics Blackwire 3225 Series"), "wired", "usb", True),
        (usb("0b0e:245e", "Jabra Link 370"), "rf-dongle", "usb", True),
        (usb("046d:0a1f", "G930", form_factor="headset"), "rf-dongle", "usb", True),
        (usb("0b0e:24b7", "Jabra Evolve2 65"), "unverified", "usb", True),  # on its charging cable
        (usb("06e6:c200", "USB Internet Phone", form_factor="handset"), "unverified", "usb", False),
        (usb("0db0:419c", "USB Audio", port="external", jack="occupied"), "wired", "analog", None),
        (usb("0db0:419c", "USB Audio", port="headset", jack="occupied"), "wired", "analog", True),
        (usb("0db0:419c", "USB Audio", port="external", jack="empty"), "builtin", "usb", False),
        (usb("046d:0837", "BCC950 ConferenceCam"), "unverified", "usb", False),
        (usb("0d8c:0014", "USB Audio Device"), "unverified", "usb", None),  # adapters and headsets share this id
        (facts(bus="bluetooth", form_factor="headset"), "bluetooth", "bluetooth", True),
        (facts(bus="bluetooth", name="Casque (Hands-Free AG Audio)"), "bluetooth", "bluetooth", None),
        (facts(bus="virtual", name="Wired Headset"), "virtual", "virtual", False),
        (facts(bus="display", name="DELL U2723QE"), "unverified", "display", False),
        (facts(bus="onboard", port="headset", jack="occupied"), "wired", "analog", True),
        (facts(bus="onboard", port="internal", jack="occupied"), "builtin", "internal", False),
        (facts(bus="onboard", port="headset", jack="unknown"), "builtin", "internal", False),
        (facts(bus="unknown", name="Blackwire 3220"), "unverified", "unknown", True),
    ],
)
def test_evidence_decides_in_its_order(device: Facts, transport: str, connection: str, headset: bool | None) -> None:
    endpoint = classify(device)
    assert (endpoint.transport, endpoint.connection, endpoint.headset) == (transport, connection, headset)
    assert endpoint.reason


@pytest.mark.parametrize(
    "name",
    [
        "Plantronics Blackwire 5220",
        "Jabra EVOLVE2 30",
        "Logitech H570e",
        "Wired Headset",
        "EPOS SC 60 USB",
        "USB Headset",
    ],
)
def test_a_name_alone_never_proves_a_cord(name: str) -> None:
    assert classify(usb("dead:beef", name)).transport == "unverified"


@pytest.mark.parametrize(
    "name",
    ["Jabra Link 390", "Jabra Link390", "Plantronics BT700", "BTD-800 USB", "EPOS BTD 600", "G733 LIGHTSPEED Headset",
     "Savi 8200", "Poly D200", "HyperX Wireless", "Jabra Link 390c", "Poly BT700A",
     "BUA-100 Bluetooth Adapter", "Yealink DECT", "USB 2.4G Headset"],
)  # fmt: skip
def test_names_of_receivers_are_enough_for_wireless(name: str) -> None:
    assert classify(usb("dead:beef", name)).transport == "rf-dongle"


@pytest.mark.parametrize(
    "name", ["Jabra Evolve2 75", "Jabra Evolve 75e", "Jabra Engage 65", "Poly Voyager 4320", "Zone Wireless 2"]
)
def test_a_wireless_headset_on_a_cable_is_unverified(name: str) -> None:
    endpoint = classify(usb("dead:beef", name))
    assert endpoint.transport == "unverified"
    assert "charging cable" in endpoint.reason


@pytest.mark.parametrize(
    ("name", "form_factor"),
    [
        ("HD Pro Webcam C920", ""),
        ("Jabra SPEAK 510 USB", ""),
        ("Anything", "webcam"),
        ("DELL Monitor", ""),
        ("Brio 500", ""),
        ("Logi StreamCam", ""),
        ("Insta360 Link", ""),
        ("EPOS EXPAND 30T", ""),
        ("EMEET OfficeCore M2", ""),
        ("DualSense Wireless Controller", ""),
    ],
)
def test_webcams_speakerphones_and_monitors_are_no_headsets(name: str, form_factor: str) -> None:
    endpoint = classify(usb("dead:beef", name, form_factor=form_factor))
    assert (endpoint.transport, endpoint.headset) == ("unverified", False)


@pytest.mark.parametrize(
    "name",
    ["USB-C to 3.5mm Headphone Jack Adapter", "USB-C Headphone Adapter", "Realtek USB Front Headphone", "Dell WD22TB4"],
)
def test_the_word_headphone_on_an_adapter_or_a_dock_is_no_headset(name: str) -> None:
    endpoint = classify(usb("dead:beef", name))
    assert (endpoint.transport, endpoint.headset) == ("unverified", None)
    assert "cannot be seen" in endpoint.headset_reason


@pytest.mark.parametrize("name", ["Kopfhörer", "Fone de Ouvido", "耳机", "Casque", "USB Audio Device"])
def test_names_in_other_languages_tell_nothing(name: str) -> None:
    endpoint = classify(usb("dead:beef", name))
    assert (endpoint.transport, endpoint.headset) == ("unverified", None)


def test_a_telephone_receiver_is_no_wireless_receiver() -> None:
    assert classify(usb("dead:beef", "Telephone Receiver")).transport == "unverified"


def test_no_wired_headset_of_the_table_is_called_wireless_by_its_name() -> None:
    wrong = [device.name for device in usb_table().values() if device.kind == "wired" and _says_wireless(device.name)]
    assert wrong == []


def test_ids_of_the_table_are_four_lower_case_digits() -> None:
    assert len(usb_table()) == 478
    assert all(usb_id(vendor) == vendor and usb_id(product) == product for vendor, product in usb_table())


def test_a_rule_file_with_a_misspelt_list_is_refused() -> None:
    with pytest.raises(ValueError, match="wierd"):
        parse_name_rules("wierd = []")


def test_a_rule_that_is_no_pattern_is_refused_by_its_list() -> None:
    lists = (*WORD_LISTS, *MACOS_LISTS)
    with pytest.raises(ValueError, match="name rules: headset: "):
        parse_name_rules("\n".join(f"{name} = ['(']" if name == "headset" else f"{name} = ['a']" for name in lists))


@pytest.mark.parametrize(
    ("written", "expected"),
    [("046d", "046d"), ("0x046D", "046d"), ("0x0403  (FTDI Ltd)", "0403"), ("apple_vendor_id", None), ("", None),
     (None, None), ("0x46d", "046d"), ("0x12345", None)],
)  # fmt: skip
def test_usb_ids_are_read_in_every_spelling(written: object, expected: str | None) -> None:
    assert usb_id(written) == expected


def test_a_devices_name_leaves_the_machine_short_and_printable() -> None:
    assert shown("Head\x1b[31mset\n\0 ü  耳机") == "Head [31mset ü 耳机"
    assert len(shown("x" * 5000)) == 120
    assert shown("\n") == "unnamed"


def _says_wireless(name: str) -> bool:
    return any(name_rules()[which].search(name) for which in ("wireless_receiver", "wireless_headset"))
