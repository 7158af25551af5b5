"""Reports of `system_profiler` (origin: listings/ORIGIN.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import macos
from homecheck.instruments.audio.endpoint import AudioEndpoint
from homecheck.instruments.audio.transport import classify

LISTINGS = Path(__file__).parent / "listings"


def endpoints(*names: str) -> dict[str, AudioEndpoint]:
    reports: dict[str, Any] = {}
    for name in names:
        reports |= json.loads((LISTINGS / f"{name}.json").read_text(encoding="utf-8"))
    return {facts.name: classify(facts) for facts in macos.parse(reports)}


def test_usb_headsets_are_joined_with_the_usb_tree_up_to_macos_15() -> None:
    found = endpoints("SPAudioDataType_usb_bluetooth_virtual", "SPUSBDataType_up_to_15")
    assert {name: endpoint.transport for name, endpoint in found.items()} == {
        "MacBook Pro Microphone": "builtin",
        "AirPods Pro": "bluetooth",
        "Plantronics Blackwire 3225 Series": "wired",
        "Jabra Link 370": "rf-dongle",
        "Loopback 2ch": "virtual",
    }
    headset = found["Plantronics Blackwire 3225 Series"]
    assert (headset.input_channels, headset.output_channels, headset.native_rate) == (1, 2, 48000)
    assert (headset.default_input, headset.default_output) == (False, True)
    assert found["AirPods Pro"].default_input


def test_a_profiler_that_does_not_answer_is_no_computer_without_a_microphone() -> None:
    with pytest.raises(ProbeError) as failed:
        macos.read(lambda name: {})
    assert failed.value.code == "devices_not_listed"
    assert "system_profiler" in failed.value.message


def test_a_computer_without_sound_devices_has_none() -> None:
    assert macos.read(lambda name: {name: []}) == ()


def test_macos_26_answers_with_the_other_usb_report() -> None:
    found = endpoints(
        "SPAudioDataType_usb_bluetooth_virtual", "SPUSBDataType_macos26_empty", "SPUSBHostDataType_macos26"
    )
    headset = found["Plantronics Blackwire 3225 Series"]
    assert (headset.transport, headset.vendor_id, headset.product_id) == ("wired", "047f", "c058")
    assert found["Jabra Link 370"].transport == "rf-dongle"  # not in that tree: by its name


def test_without_a_usb_report_a_wired_headset_is_unverified() -> None:
    found = endpoints("SPAudioDataType_usb_bluetooth_virtual")
    assert found["Plantronics Blackwire 3225 Series"].transport == "unverified"


def test_a_plugged_in_jack_is_wired_however_deep_it_stands() -> None:
    found = endpoints("SPAudioDataType_wired_jack_nested")
    assert found["External Microphone"].transport == "wired"
    assert found["External Microphone"].default_input
    assert found["External Headphones"].headset is True


def test_displays_and_phones_are_not_taken_for_headsets() -> None:
    found = endpoints("SPAudioDataType_builtin_display_phone")
    assert found["Display 27"].bus == "display"
    assert found["MacBook Pro Microphone"].transport == "builtin"
    assert found["Candidate's iPhone Microphone"].transport == "unverified"


def test_a_connected_headset_is_known_by_its_minor_type() -> None:
    found = endpoints("SPAudioDataType_usb_bluetooth_virtual", "SPBluetoothDataType_headset_connected")
    assert found["AirPods Pro"].headset is True
    assert found["AirPods Pro"].form_factor == "headphones"


def test_devices_that_are_only_paired_are_ignored() -> None:
    assert endpoints("SPBluetoothDataType_mixed") == {}


def test_a_name_that_two_usb_products_share_is_not_joined() -> None:
    usb = [{"_name": "USB Audio", "vendor_id": "0x047f", "product_id": product} for product in ("0xc058", "0xc056")]
    audio = [{"_name": "USB Audio", "coreaudio_device_transport": "coreaudio_device_type_usb"}]
    facts = macos.parse({"SPAudioDataType": audio, "SPUSBDataType": usb})
    assert [(f.vendor_id, f.product_id) for f in facts] == [(None, None)]


def test_spellings_of_transports_with_underscores_are_one() -> None:
    for word, bus in (("bluetooth_le", "bluetooth"), ("bluetoothle", "bluetooth"), ("display_port", "display")):
        item = {"_name": "x", "coreaudio_device_transport": f"coreaudio_device_type_{word}"}
        assert [facts.bus for facts in macos.parse({"SPAudioDataType": [item]})] == [bus]


def german() -> dict[tuple[str, bool], AudioEndpoint]:
    reports = json.loads((LISTINGS / "system_profiler_german_macos26.json").read_text(encoding="utf-8"))
    return {(facts.name, facts.is_input): classify(facts) for facts in macos.parse(reports)}


def test_a_german_macos_26_comes_out_as_what_it_is() -> None:
    assert {key: (e.transport, e.headset) for key, e in german().items()} == {
        ("MacBook Pro-Mikrofon", True): ("builtin", False),
        ("Externes Mikrofon", True): ("wired", None),
        ("Externe Kopfhörer", False): ("wired", True),
        ("Jabra Evolve2 65", True): ("unverified", True),  # on its charging cable
        ("Jabra Evolve2 65", False): ("unverified", True),
        ("HD Pro Webcam C920", True): ("unverified", False),
        ("Anker PowerConf", True): ("unverified", False),
        ("USB Mikrofon", True): ("unverified", False),
        ("iPhone von Lea Mikrofon", True): ("unverified", None),
        ("Microsoft Teams Audio", True): ("virtual", False),
        ("Hauptgerät", True): ("virtual", False),
        ("LG UltraFine", False): ("unverified", False),
        ("AirPods von Lea", True): ("bluetooth", True),
        ("AirPods von Lea", False): ("bluetooth", True),
    }


def test_ends_of_one_name_are_one_device_and_a_camera_of_that_name_makes_it_a_webcam() -> None:
    found = german()
    assert found["Jabra Evolve2 65", True].earpiece is True
    assert found["USB Mikrofon", True].earpiece is False
    assert found["HD Pro Webcam C920", True].camera
    assert not found["Anker PowerConf", True].camera


@pytest.mark.parametrize(
    ("name", "transport"),
    [
        ("Micro MacBook Pro", "builtin"), ("MacBook Airのマイク", "builtin"), ("内蔵マイク", "builtin"),
        ("Micrófono interno", "builtin"), ("Eingebautes Mikrofon", "builtin"), ("Mac mini", "builtin"),
        ("Microphone externe", "wired"), ("外部マイク", "wired"), ("Microfone externo", "wired"),
        ("Écouteurs externes", "wired"), ("Fones de Ouvido Externos", "wired"),
        ("Ulkoinen mikrofoni", "unverified"),  # a language that no list knows
    ],
)  # fmt: skip
def test_parts_of_the_macs_own_sound_chip_are_told_by_the_words_of_its_language(name: str, transport: str) -> None:
    item = {"_name": name, "coreaudio_device_transport": "coreaudio_device_type_builtin", "coreaudio_device_input": 1}
    (facts,) = macos.parse({"SPAudioDataType": [item]})
    assert classify(facts).transport == transport


def test_the_source_in_use_counts_more_than_the_name_of_the_device() -> None:
    item = {"_name": "Built-in Input", "coreaudio_device_transport": "coreaudio_device_type_builtin",
            "coreaudio_input_source": "External Microphone", "coreaudio_device_input": 2}  # fmt: skip
    (facts,) = macos.parse({"SPAudioDataType": [item]})
    assert (classify(facts).transport, facts.read_from["jack"]) == ("wired", "SPAudioDataType coreaudio_input_source")


def test_a_renamed_or_padded_name_is_joined_only_where_it_is_the_same() -> None:
    usb = [{"_name": "Jabra Link 370 ", "vendor_id": "0x0b0e", "product_id": "0x245e"}]
    audio = [
        {"_name": name, "coreaudio_device_transport": "coreaudio_device_type_usb"} for name in ("Jabra Link 370", "x")
    ]
    found = macos.parse({"SPAudioDataType": audio, "SPUSBDataType": usb})
    assert [facts.vendor_id for facts in found] == ["0b0e", None]
