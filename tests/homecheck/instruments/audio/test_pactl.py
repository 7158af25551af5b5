"""Recorded and re-typed listings of PulseAudio and PipeWire (origin: listings/ORIGIN.md)."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio import choose_input, endpoints, pactl
from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.usb_terminals import UsbDescription

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


def twelve() -> dict[str, AudioEndpoint]:
    sources, sinks = load("pactl_sources_pipewire_twelve.json"), load("pactl_sinks_pipewire_twelve.json")
    return {facts.name: classify(facts) for facts in pactl.parse({}, sources, sinks) if facts.is_input}


def test_twelve_devices_with_names_in_five_languages_come_out_as_what_they_are() -> None:
    chip = "Raptor Lake High Definition Audio Controller"
    assert {name: (e.transport, e.connection, e.headset) for name, e in twelve().items()} == {
        f"{chip} Digitales Mikrofon": ("builtin", "internal", False),
        f"{chip} Headset-Mikrofon": ("wired", "analog", True),
        "Blackwire 5220 Series Mono": ("wired", "usb", True),
        "Jabra Link 380 Mono": ("rf-dongle", "usb", True),
        "Fone de Ouvido de João": ("bluetooth", "bluetooth", None),
        "Webcam C925e Analoges Stereo": ("unverified", "usb", False),
        "WD19 Dock Headset-Mikrofon": ("wired", "analog", True),
        "USB Audio Front-Mikrofon": ("builtin", "usb", False),
        "Jabra SPEAK 510 USB Mono": ("unverified", "usb", False),
        "USB Audio Device マイク": ("unverified", "usb", None),
        "Téléphone Internet USB": ("unverified", "usb", False),
        "Easy Effects Source": ("virtual", "virtual", False),
    }


def test_microphone_and_earpiece_of_one_card_are_one_thing() -> None:
    found = twelve()
    assert found["Blackwire 5220 Series Mono"].earpiece is True
    assert found["Webcam C925e Analoges Stereo"].earpiece is None  # its profile may hide an earpiece


def described(usb: UsbDescription, product: str = "beef") -> AudioEndpoint:
    """A card of no list whose descriptors can be read."""
    source = {"name": "a", "description": "USB Audio",
              "properties": {"device.bus": "usb", "device.api": "alsa", "alsa.card": "3", "device.vendor.id": "dead",
                             "device.product.id": product}}  # fmt: skip
    (facts,) = pactl.parse({}, [source], [], {"3": usb}.get)
    return classify(facts)


def test_the_descriptors_of_a_card_tell_cameras_microphones_and_headsets() -> None:
    camera = described(UsbDescription("dead", "beef", (0x0201,), camera=True))
    assert (camera.headset, camera.kind) == (False, "webcam")
    alone = described(UsbDescription("dead", "beef", (0x0201,), camera=False))
    assert (alone.headset, alone.earpiece) == (False, False)
    both = described(UsbDescription("dead", "beef", (0x0201, 0x0301), camera=False))
    assert (both.headset, both.earpiece) == (None, None)
    worn = described(UsbDescription("dead", "beef", (0x0402,), camera=False))
    assert (worn.headset, worn.transport) == (True, "unverified")


def test_descriptors_of_another_device_than_the_listing_names_are_not_believed() -> None:
    """A sound server on another computer numbers its cards as this one does."""
    other = described(UsbDescription("046d", "085b", (0x0201,), camera=True))
    assert (other.camera, other.terminals, other.headset) == (False, (), None)


def test_ids_come_from_the_descriptors_where_the_listing_has_none() -> None:
    source = {"name": "a", "properties": {"device.bus": "usb", "alsa.card": 3}}
    facts = pactl.parse({}, [source], [], {"3": UsbDescription("047f", "c058", (0x0402,), camera=False)}.get)[0]
    assert (facts.vendor_id, facts.product_id) == ("047f", "c058")
    assert facts.read_from["vendor_id"] == "pactl alsa.card and /sys USB descriptors"


@pytest.mark.parametrize(("rate", "told"), [(16000, True), (8000, True), (48000, False)])
def test_a_narrow_band_is_a_reason_and_no_proof(rate: int, told: bool) -> None:
    source = {"name": "a", "description": "No Name Headset", "sample_specification": f"s16le 1ch {rate}Hz",
              "properties": {"device.bus": "usb", "device.vendor.id": "dead", "device.product.id": "beef"}}  # fmt: skip
    endpoint = classify(pactl.parse({}, [source], [])[0])
    assert endpoint.transport == "unverified"
    assert ("usual for wireless headsets" in endpoint.reason) is told


def test_a_line_input_with_a_plug_is_wired_and_no_headset() -> None:
    port = {"name": "analog-input-linein", "type": "Line", "availability": "available"}
    source = {"name": "a", "properties": {"device.bus": "pci"}, "ports": [port], "active_port": "analog-input-linein"}
    endpoint = classify(pactl.parse({}, [source], [])[0])
    assert (endpoint.transport, endpoint.headset) == ("wired", False)


def test_a_sound_server_that_turns_us_away_is_no_computer_without_a_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pactl"  # as in a sandbox, and for the server of another user
    program.write_text("#!/bin/sh\necho 'Connection failure: Access denied' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProbeError, match="refuses this program access") as failed:
        pactl.read()
    assert (failed.value.code, failed.value.at_fault) == ("permission_refused", "person")


def test_a_server_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pactl"
    program.write_text("#!/bin/sh\necho 'Connection failure: Connection refused' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert pactl.read() is None


def test_a_sound_server_that_hangs_is_no_computer_without_a_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pactl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(pactl, "TIMEOUT_SECONDS", 0.5)
    with pytest.raises(ProbeError, match="the computer's sound service does not answer") as failed:
        pactl.read()
    assert (failed.value.code, failed.value.at_fault) == ("sound_service", "device")


@pytest.mark.skipif(sys.platform != "linux", reason="sound servers are Linux'")
def test_a_sound_server_that_died_is_no_computer_without_a_microphone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pactl"
    program.write_text("#!/bin/sh\necho 'Connection failure: Connection refused' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/native")
    monkeypatch.setattr("homecheck.instruments.audio.asound.read", tuple)  # a computer without a card of its own
    with pytest.raises(ProbeError, match="the computer's sound service does not run"):
        endpoints()
    monkeypatch.delenv("PULSE_SERVER")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PULSE_RUNTIME_PATH", raising=False)
    assert endpoints() == ()


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


@pytest.mark.parametrize("typed", ["büro-gerät 🎧 nr. 1", "Bu\u0308ro-Gera\u0308t 🎧  Nr. 1 ", "BÜRO-GERÄT 🎧 NR. 1"])
def test_a_name_is_found_however_its_case_blanks_and_accents_are_typed(typed: str) -> None:
    named = classify(Facts(id="a", name="Büro-Gerät 🎧 Nr. 1 ", backend="coreaudio", input_channels=1))
    assert (
        choose_input([named, classify(Facts(id="b", name="x", backend="coreaudio", input_channels=1))], typed) == named
    )


def test_of_twelve_microphones_some_are_named_and_the_others_counted() -> None:
    twelve = [
        classify(Facts(id=str(number), name=f"Mic {number}", backend="pulse", input_channels=1)) for number in range(12)
    ]
    with pytest.raises(ProbeError, match=r"'Mic 0'.*'Mic 4' and 7 more"):
        choose_input(twelve, "Headset")


def test_two_inputs_of_one_name_are_ambiguous() -> None:
    endpoint = next(endpoint for endpoint in pulseaudio().values() if endpoint.is_input)
    with pytest.raises(ProbeError, match=f"2 microphones are called '{endpoint.name}'"):
        choose_input([replace(endpoint, default_input=True)] * 2, None)
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


def test_microphone_and_earpiece_of_one_thing_are_tied_by_card_or_radio_address() -> None:
    sources = {f.id: f for f in pactl.parse({}, load("pactl_sources_pulseaudio.json"), [])}
    sinks = {f.id: f for f in pactl.parse({}, [], load("pactl_sinks_pulseaudio.json"))}
    blackwire = next(f for f in sources.values() if f.product_id == "c058")
    assert [f.product_id for f in sinks.values() if f.unit == blackwire.unit] == ["c058"]
    pipewire = {f.id: f for f in pactl.parse({}, load("pactl_sources_pipewire.json"), [])}
    assert pipewire["bluez_input.02:00:00:00:00:06"].unit == "api.bluez5.address=02:00:00:00:00:06"


def test_what_a_process_plays_to_is_told_by_its_id() -> None:
    sinks = [{"index": 3, "name": "headset"}, {"index": 4, "name": "speakers"}]
    inputs = [
        {"sink": 4, "properties": {"application.process.id": "17"}},
        {"sink": 3, "properties": {"application.process.id": "18"}},
        {"sink": 3},
    ]
    assert pactl.played_by(18, inputs, sinks) == ("headset",)
    assert pactl.played_by(99, inputs, sinks) == ()
