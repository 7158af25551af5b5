"""What PortAudio's lists and errors mean, in the shapes that it gives on each system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.audio.capture import Request, may_read, portaudio_error, portaudio_index
from homecheck.instruments.audio.endpoint import Backend

WINDOWS = [{"name": "MME"}, {"name": "Windows DirectSound"}, {"name": "Windows WASAPI"}, {"name": "Windows WDM-KS"}]


def device(name: str, host_api: int = 0, inputs: int = 1) -> dict[str, Any]:
    return {"name": name, "hostapi": host_api, "max_input_channels": inputs, "default_samplerate": 44100.0}


def request(backend: Backend, endpoint: str, name: str) -> Request:
    return Request(backend, endpoint, name, 48000, 1, 1.0)


def test_windows_devices_stand_once_per_host_api_and_wasapi_counts() -> None:
    name = "Headset Microphone (Plantronics Blackwire 3225 Series)"
    devices = [device(name[:31], 0), device(name, 1), device(name, 2), device(name, 2, inputs=0), device(name, 3)]
    assert portaudio_index(request("wasapi", "{guid}", name), devices, WINDOWS) == 2


def test_macos_devices_are_found_by_their_name() -> None:
    devices = [device("MacBook Pro Microphone"), device("Jabra Link 370", inputs=0), device("Jabra Link 370")]
    assert portaudio_index(request("coreaudio", "x", "Jabra Link 370"), devices, [{"name": "Core Audio"}]) == 2


def test_alsa_devices_are_found_by_card_and_device() -> None:
    devices = [
        device("HDA Intel PCH: ALC257 Analog (hw:0,0)"),
        device("Blackwire: USB Audio (hw:1,0)"),
        device("pulse"),
    ]
    assert portaudio_index(request("alsa", "hw:1,0", "Blackwire"), devices, [{"name": "ALSA"}]) == 1


def test_without_the_bridge_to_the_sound_server_its_package_is_named() -> None:
    with pytest.raises(ProbeError) as caught:
        portaudio_index(request("pulse", "a_mic", "A"), [device("HDA: Analog (hw:0,0)")], [{"name": "ALSA"}])
    assert caught.value.code == "pulse_plugin_missing"
    assert "libasound2-plugins" in caught.value.advice


@pytest.mark.parametrize(("count", "code"), [(0, "device_not_found"), (2, "ambiguous_device")])
def test_none_or_two_of_a_name_are_never_guessed(count: int, code: str) -> None:
    with pytest.raises(ProbeError, match="USB Audio") as caught:
        portaudio_index(request("wasapi", "x", "USB Audio"), [device("USB Audio", 2)] * count, WINDOWS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("Error opening InputStream: Device unavailable", -9985), "device_busy"),
        (("Error opening InputStream: Host error", -9999, (0, -16, "Device or resource busy")), "device_busy"),
        (("Error opening InputStream: Host error", -9999, (0, -5, "Input/output error")), "device_not_found"),
        (("Error opening InputStream: Host error", -9999, (0, -19, "No such device")), "device_not_found"),
        (("Error opening InputStream: Invalid device", -9996), "device_not_found"),
        (("Error opening InputStream: Host error", -9999, (0, -13, "Permission denied")), "permission_refused"),
        # WASAPI: E_ACCESSDENIED, AUDCLNT_E_DEVICE_IN_USE, AUDCLNT_E_DEVICE_INVALIDATED as signed numbers of 32 bits.
        (("Error opening InputStream: Host error", -9999, (2, -2147024891, "AUDCLNT")), "permission_refused"),
        (("Error opening InputStream: Host error", -9999, (2, -2004287478, "AUDCLNT")), "device_busy"),
        (("Error opening InputStream: Host error", -9999, (2, -2004287484, "AUDCLNT")), "device_not_found"),
        # CoreAudio: kAudioDevicePermissionsError "!hog", kAudioHardwareBadDeviceError "!dev".
        (("Error opening InputStream: Host error", -9999, (0, 560492391, "")), "device_busy"),
        (("Error opening InputStream: Host error", -9999, (0, 560227702, "")), "device_not_found"),
        (("Error opening InputStream: Invalid sample rate", -9997), "device_refused"),
        (("Internal PortAudio error",), "device_refused"),
        ((), "device_refused"),
    ],
)  # fmt: skip
def test_errors_name_the_device_and_what_to_do(args: tuple[Any, ...], code: str) -> None:
    error = portaudio_error("Jabra Link 370", args)
    assert (error.code, error.at_fault) == (code, "person" if code == "permission_refused" else "device")
    assert error.message.startswith("Jabra Link 370: ")
    assert error.advice


def test_a_card_that_may_not_be_opened_is_no_card_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "pcmC1D0c").touch()
    assert not may_read("hw:1,0", tmp_path, lambda path, mode: False)
    assert may_read("hw:1,0", tmp_path, lambda path, mode: True)
    assert may_read("hw:2,0", tmp_path, lambda path, mode: False)
