"""Recorded and re-typed listings of PulseAudio and PipeWire (origin: listings/ORIGIN.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import choose_input, pactl
from homecheck.instruments.audio.endpoint import AudioEndpoint
from homecheck.instruments.audio.transport import classify

LISTINGS = Path(__file__).parent / "listings"


def load(name: str) -> Any:
    return json.loads((LISTINGS / name).read_text(encoding="utf-8"))


def pulseaudio() -> dict[str, AudioEndpoint]:
    info = {"default_source_name": "alsa_input.pci-0000_00_1f.3.analog-stereo", "default_sink_name": None}
    found = pactl.parse(info, load("pactl_sources_pulseaudio.json"), load("pactl_sinks_pulseaudio.json"))
    return {facts.id: classify(facts) for facts in found}


def test_monitors_are_left_out() -> None:
    assert not any("monitor" in name for name in pulseaudio())


def test_a_wired_usb_headset_without_form_factor_is_wired() -> None:
    name = "alsa_input.usb-Plantronics_Plantronics_Blackwire_3225_Series_0000000000000001-00.analog-stereo"
    endpoint = pulseaudio()[name]
    assert (endpoint.transport, endpoint.vendor_id, endpoint.product_id) == ("wired", "047f", "c058")
    assert (endpoint.native_rate, endpoint.input_channels, endpoint.output_channels) == (44100, 2, 0)
    assert endpoint.model == "Plantronics Blackwire 3225 Series"


def test_a_dongle_that_calls_itself_headset_is_a_dongle() -> None:
    found = [endpoint for endpoint in pulseaudio().values() if endpoint.product_id == "0a1f"]
    assert [endpoint.transport for endpoint in found] == ["rf-dongle"]


def test_an_occupied_headset_jack_in_use_is_wired_and_the_default() -> None:
    endpoint = pulseaudio()["alsa_input.pci-0000_00_1f.3.analog-stereo"]
    assert (endpoint.transport, endpoint.connection, endpoint.headset) == ("wired", "analog", True)
    assert endpoint.default_input
    assert endpoint.jack == "occupied"


def test_an_onboard_codec_on_usb_is_wired_by_its_jack_and_not_by_its_bus() -> None:
    endpoint = pulseaudio()["alsa_input.usb-Generic_USB_Audio-00.HiFi__hw_Audio_1__source"]
    assert (endpoint.transport, endpoint.connection, endpoint.kind) == ("wired", "analog", "dock-or-onboard-codec")


def test_a_display_is_no_headset() -> None:
    displays = [endpoint for endpoint in pulseaudio().values() if endpoint.bus == "display"]
    assert displays
    assert all(endpoint.headset is False and endpoint.transport == "unverified" for endpoint in displays)


def test_pipewire_is_read_alike() -> None:
    found = {f.id: classify(f) for f in pactl.parse({}, load("pactl_sources_pipewire.json"), [])}
    transports = {name: (endpoint.transport, endpoint.product_id) for name, endpoint in found.items()}
    assert transports == {
        "alsa_input.pci-0000_00_1f.3.analog-stereo": ("builtin", "a171"),
        "bluez_input.02:00:00:00:00:06": ("bluetooth", None),
        "alsa_input.usb-0b0e_Jabra_Link_370_0000000000000002-00.mono-fallback": ("rf-dongle", "245e"),
    }


def test_filters_with_a_bus_are_kept_and_those_without_are_virtual() -> None:
    sources = load("pactl_sources_virtual.json")
    found = {facts.id: classify(facts).transport for facts in pactl.parse({}, sources, [])}
    assert found == {
        "wired_mic": "wired",
        "dongle_mic": "rf-dongle",
        "bt_mic": "bluetooth",
        "builtin_mic": "builtin",
        "line_mic": "unverified",
    }
    for source in sources:
        source["properties"].pop("device.bus", None)
        source["properties"].pop("device.api", None)
    assert {classify(facts).transport for facts in pactl.parse({}, sources, [])} == {"virtual"}


def test_a_loopback_card_is_virtual() -> None:
    source = {
        "name": "a",
        "sample_specification": "s16le 2ch 48000Hz",
        "properties": {"device.api": "alsa", "alsa.driver_name": "snd_aloop", "device.bus": "platform"},
    }
    assert classify(pactl.parse({}, [source], [])[0]).transport == "virtual"


def test_ids_come_from_the_components_where_the_properties_lack_them() -> None:
    source = {"name": "a", "properties": {"device.bus": "usb", "alsa.components": "USB047f:c058 USB0000:0000"}}
    facts = pactl.parse({}, [source], [])[0]
    assert (facts.vendor_id, facts.product_id, facts.native_rate) == ("047f", "c058", None)


def test_the_source_that_a_process_records_from_is_found_by_its_id() -> None:
    outputs, sources = load("pactl_source_outputs_virtual.json"), load("pactl_sources_virtual.json")
    assert pactl.recorded_by(4711, outputs, sources) == ("wired_mic",)
    assert pactl.recorded_by(4712, outputs, sources) == ()


def test_descriptions_that_pactl_16_loses_in_json_are_read_from_its_plain_listing() -> None:
    text = (
        "Source #1\n\tState: IDLE\n\tName: a_mic\n\tDescription: Kopfhörer: Büro\n\tDriver: x\nSource #2\n\tName: b\n"
    )
    assert pactl.descriptions(text) == {"a_mic": "Kopfhörer: Büro"}


def test_a_sound_server_that_lists_nothing_is_no_computer_without_a_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pactl"  # knows the server and then breaks off, as when the server is being restarted
    program.write_text('#!/bin/sh\ncase "$*" in *info*) echo "{}";; *) exit 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProbeError) as failed:
        pactl.read()
    assert failed.value.code == "devices_not_listed"
    assert "does not list its sources" in failed.value.message


def test_the_default_input_is_chosen_when_nothing_is_named() -> None:
    assert choose_input(pulseaudio().values(), None).id == "alsa_input.pci-0000_00_1f.3.analog-stereo"


def test_an_input_is_chosen_by_id_name_or_model() -> None:
    found = tuple(pulseaudio().values())
    wanted = next(endpoint for endpoint in found if endpoint.product_id == "c058" and endpoint.is_input)
    assert all(choose_input(found, word) == wanted for word in (wanted.id, wanted.name, wanted.model))


def test_a_missing_input_is_named_with_those_that_are_there() -> None:
    with pytest.raises(ProbeError, match=r"no microphone 'Jabra'.*Blackwire") as caught:
        choose_input(pulseaudio().values(), "Jabra")
    assert caught.value.code == "device_not_found"


def test_two_inputs_of_one_name_are_ambiguous() -> None:
    endpoint = next(endpoint for endpoint in pulseaudio().values() if endpoint.is_input)
    with pytest.raises(ProbeError) as caught:
        choose_input([endpoint, endpoint], endpoint.name)
    assert caught.value.code == "ambiguous_device"


def test_without_a_default_several_inputs_are_ambiguous() -> None:
    endpoints = [classify(facts) for facts in pactl.parse({}, load("pactl_sources_pulseaudio.json"), [])]
    with pytest.raises(ProbeError) as caught:
        choose_input(endpoints, None)
    assert caught.value.code == "ambiguous_device"
    assert choose_input(endpoints[:1], None) == endpoints[0]


def test_without_an_input_there_is_no_device() -> None:
    sinks = [classify(facts) for facts in pactl.parse({}, [], load("pactl_sinks_pulseaudio.json"))]
    with pytest.raises(ProbeError) as caught:
        choose_input(sinks, None)
    assert (caught.value.code, caught.value.at_fault) == ("no_device", "device")
