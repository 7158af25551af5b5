"""macOS: displays of a Retina laptop with a second screen, versions, Intel and Apple silicon."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.host import macos
from homecheck.instruments.host.facts import Machine, OperatingSystem, Screen
from homecheck.instruments.host.program import Runner

# The shape of `system_profiler SPDisplaysDataType -json`, re-typed; names and numbers are invented.
DISPLAYS = {
    "SPDisplaysDataType": [
        {
            "_name": "Apple M2",
            "spdisplays_ndrvs": [
                {
                    "_name": "Color LCD",
                    "_spdisplays_pixels": "2560 x 1664",
                    "_spdisplays_resolution": "1470 x 956 @ 60.00Hz",
                    "spdisplays_main": "spdisplays_yes",
                    "spdisplays_online": "spdisplays_yes",
                    "spdisplays_pixelresolution": "spdisplays_2560x1664Retina",
                },
                {
                    "_name": "DELL U2720Q",
                    "_spdisplays_pixels": "3840 x 2160",
                    "_spdisplays_resolution": "1920 x 1080 @ 60.00Hz",
                    "spdisplays_online": "spdisplays_yes",
                },
                {"_name": "Closed lid", "_spdisplays_pixels": "2560 x 1664", "spdisplays_online": "spdisplays_no"},
            ],
        },
        {"_name": "A card without a screen", "sppci_model": "AMD Radeon Pro"},
    ]
}


def test_screens_are_counted_in_pixels_and_only_while_online() -> None:
    assert macos.parse_displays(json.dumps(DISPLAYS)) == (Screen(2560, 1664), Screen(3840, 2160))


def test_a_mac_without_a_screen_says_so() -> None:
    with pytest.raises(ProbeError) as failed:
        macos.screens(lambda command: '{"SPDisplaysDataType": [{"_name": "Apple M2"}]}')
    assert failed.value.code == "no_screen"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"SPDisplaysDataType": 7}', '{"SPDisplaysDataType": ["x"]}'])
def test_another_form_of_answer_is_no_screen_count(text: str) -> None:
    with pytest.raises(ProbeError) as failed:
        macos.parse_displays(text)
    assert failed.value.code == "not_told"


@pytest.mark.parametrize(
    ("version", "major"), [("26.1", "26"), ("15.7.2", "15"), ("11.7.10", "11"), ("10.15.7", "10.15"), ("14", "14")]
)
def test_the_major_version_is_what_apple_counts(version: str, major: str) -> None:
    assert macos.operating_system(version) == OperatingSystem("macos", major, f"macOS {version}")


def test_an_empty_version_is_not_guessed() -> None:
    with pytest.raises(ProbeError):
        macos.operating_system("")


def answering(**answers: str) -> Runner:
    def run(command: Sequence[str]) -> str:
        return answers.get(command[-1].replace(".", "_"), "")

    return run


def test_an_intel_mac_tells_its_clock_and_apple_silicon_does_not() -> None:
    assert macos.clock(answering(hw_cpufrequency_max="2600000000\n")).ghz == 2.6
    with pytest.raises(ProbeError, match="Apple silicon does not tell"):
        macos.clock(answering())


def test_the_kernel_tells_whether_there_is_a_hypervisor_below() -> None:
    assert macos.machine(answering(kern_hv_vmm_present="1\n")) == Machine(True, "kern.hv_vmm_present: 1")
    assert macos.machine(answering(kern_hv_vmm_present="0\n")).virtual is False
    with pytest.raises(ProbeError):
        macos.machine(answering())
