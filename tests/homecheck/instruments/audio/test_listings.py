"""What holds for every listing of every system: known ones, and ones that nobody has ever seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.instruments.audio import asound, macos, pactl, windows
from homecheck.instruments.audio.alsa_jacks import Jacks
from homecheck.instruments.audio.endpoint import Facts, filled
from homecheck.instruments.audio.transport import classify
from homecheck.instruments.audio.windows import Key
from homecheck.measurement import check_json
from probes.headset import identity
from tests.homecheck.instruments.audio.registry import twelve_devices
from tests.homecheck.instruments.audio.test_asound import laptop

LISTINGS = Path(__file__).parent / "listings"


def load(name: str) -> Any:
    return json.loads((LISTINGS / name).read_text(encoding="utf-8"))


def known(folder: Path) -> Iterator[Facts]:
    """Every endpoint of every listing that the tests have."""
    info = {"default_source_name": "alsa_input.pci-0000_00_1f.3.analog-stereo"}
    for sources in LISTINGS.glob("pactl_sources_*.json"):
        yield from pactl.parse(info, load(sources.name), [])
    for sinks in LISTINGS.glob("pactl_sinks_*.json"):
        yield from pactl.parse({}, [], load(sinks.name))
    reports: dict[str, Any] = {}
    for report in LISTINGS.glob("SP*.json"):
        yield from macos.parse(reports := {**reports, **load(report.name)})
    yield from macos.parse(load("system_profiler_german_macos26.json"))
    yield from windows.parse(twelve_devices())
    yield from laptop(folder)


def test_every_field_that_is_filled_tells_where_it_was_read(tmp_path: Path) -> None:
    found = list(known(tmp_path))
    assert {facts.backend for facts in found} == {"pulse", "alsa", "coreaudio", "wasapi"}
    assert len(found) > 60
    for facts in found:
        assert set(facts.read_from) == filled(facts), facts


def test_no_id_leaves_the_machine(tmp_path: Path) -> None:
    for facts in known(tmp_path):
        told = str(
            [(m.value, m.details, m.failure) for m in identity(classify(facts)) if m.quantity.name != "headset.model"]
        )
        for secret in (facts.id, facts.unit):
            assert len(secret) < 8 or secret == facts.name or secret not in told, told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["usb", "USB", "USB047f:c058", "Headset", "Wired Blackwire", "available", "s16le 2ch 48000Hz",
                       "coreaudio_device_type_usb", "coreaudio_device_type_builtin", "spaudio_yes", "\ud800", "²ch"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def objects(*names: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), json_values, max_size=len(names))


pactl_items = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": json_values, "description": json_values, "sample_specification": json_values, "mute": json_values,
            "active_port": json_values, "monitor_source": st.just("") | json_values,
            "ports": json_values | st.lists(objects("name", "type", "availability"), max_size=2),
            "properties": json_values
            | objects("device.bus", "device.api", "device.vendor.id", "device.product.id", "alsa.components",
                      "alsa.card", "device.form_factor", "sysfs.path", "device.product.name", "api.bluez5.address"),
        },
    )
    | json_values,
    max_size=3,
)  # fmt: skip
registry_names = (
    "{a45c254e-df1c-4efd-8020-67d146a850e0},2", "{a45c254e-df1c-4efd-8020-67d146a850e0},24",
    "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},0", "{1da5d803-d492-4edd-8c23-e0c0ffee7f0e},8",
    "{8c7ed206-3f8a-4827-b3ab-ae9e1faefc6c},2", "{b3f8fa53-0004-438e-9003-51a46e139bfc},2",
    "{b3f8fa53-0004-438e-9003-51a46e139bfc},39", "{f19f064d-082c-4e27-bc73-6882a1bb8e4c},0",
)  # fmt: skip
registry_values = json_values | st.binary(max_size=60) | st.sampled_from(
    [r"{1}.USB\VID_047F&PID_C058&MI_00\1", "USB", "HDAUDIO", "{DFF21DE2-F70F-11D0-B917-00A0C9223196}", 5]
)  # fmt: skip


def judged(found: tuple[Facts, ...]) -> None:
    """What must hold whatever a listing says."""
    for facts in found:
        endpoint = classify(facts)
        assert set(facts.read_from) == filled(facts)
        if endpoint.transport == "wired":  # by an id in a list or by a plug in a jack, never by words
            assert endpoint.kind in ("wired", "wired-adapter") or endpoint.jack == "occupied"
        for measurement in identity(endpoint):  # the evidence takes it
            check_json(measurement.details, "details")


@settings(max_examples=50, deadline=None)
@given(json_values, pactl_items | json_values, pactl_items | json_values)
def test_no_listing_of_a_sound_server_crashes_or_passes_by_its_words(info: Any, sources: Any, sinks: Any) -> None:
    judged(pactl.parse(info, sources, sinks))
    pactl.recorded_by(1, sources, sinks)


mac_items = st.lists(
    objects("_name", "coreaudio_device_transport", "coreaudio_device_input", "coreaudio_device_srate", "_items",
            "coreaudio_input_source", "coreaudio_default_audio_input_device", "USBDeviceKeyVendorID", "vendor_id",
            "product_id", "USBDeviceKeyProductID", "device_connected"),
    max_size=4,
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(macos.REPORTS), mac_items | json_values) | json_values)
def test_no_report_of_macos_crashes_or_passes_by_its_words(reports: Any) -> None:
    judged(macos.parse(reports))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(registry_names), registry_values), registry_values, registry_values)
def test_no_registry_of_windows_crashes_or_passes_by_its_words(properties: Any, state: Any, container: Any) -> None:
    endpoint = Key({"devicestate": state}, {"Properties": Key(properties)})
    tree = Key({}, {"Capture": Key({}, {"{a}": endpoint}), "Render": Key({}, {"{b}": endpoint})})
    bluetooth = Key({}, {"{0000111F-0000}": Key({}, {"x": Key({"containerid": container})})})
    judged(windows.parse(tree, windows.telephones(bluetooth)))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=30))
def test_no_files_of_the_kernel_crash(
    tmp_path_factory: pytest.TempPathFactory, cards: str, stream: str, ids: str
) -> None:
    folder = tmp_path_factory.mktemp("asound")
    (folder / "card0/pcm0c/sub0").mkdir(parents=True)
    (folder / "cards").write_text(f"{cards}\n 0 [x]: USB-Audio - Wired Headset\n", encoding="utf-8", errors="replace")
    (folder / "card0/stream0").write_text(f"Capture:\n{stream}\nRates: {ids}\n", encoding="utf-8", errors="replace")
    (folder / "card0/usbid").write_text(ids, encoding="utf-8", errors="replace")
    (folder / "card0/pcm0c/sub0/status").write_text(stream, encoding="utf-8", errors="replace")
    judged(asound.read(folder, lambda card: Jacks(), lambda card: None))
    asound.recorded_by(frozenset({1}), folder)
