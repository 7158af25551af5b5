"""Linux: os-release of several distributions, X11 and kernel screens, clocks, and what tells a virtual machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.host import linux
from homecheck.instruments.host.facts import Machine, OperatingSystem, Screen

DEBIAN = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""
FEDORA = """NAME="Fedora Linux"
VERSION="43 (Workstation Edition)"
ID=fedora
VERSION_ID=43
PRETTY_NAME="Fedora Linux 43 (Workstation Edition)"
SUPPORT_END=2026-12-02
"""
ARCH = "NAME='Arch Linux'\nID=arch\nBUILD_ID=rolling\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEBIAN, OperatingSystem("debian", "12", "Debian GNU/Linux 12 (bookworm)")),
        (
            FEDORA,
            OperatingSystem("fedora", "43", "Fedora Linux 43 (Workstation Edition)", end=date(2026, 12, 2)),
        ),
        (ARCH, OperatingSystem("arch", "", "Arch Linux")),
        ('# comment\n\nID=x\nVERSION_ID="1\nSUPPORT_END=soon', OperatingSystem("x", '"1', 'Linux "1')),
        ("", OperatingSystem("linux", "", "Linux")),
    ],
)
def test_os_release_names_the_distribution(text: str, expected: OperatingSystem) -> None:
    assert linux.parse_os_release(text) == expected


def test_the_first_os_release_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "second").write_text(DEBIAN, encoding="utf-8")
    assert linux.operating_system((tmp_path / "first", tmp_path / "second")).family == "debian"
    with pytest.raises(ProbeError, match="no file /etc/os-release"):
        linux.operating_system((tmp_path / "first",))


# `xrandr --query` of a laptop with a turned second screen; one connected output is switched off.
XRANDR = """Screen 0: minimum 320 x 200, current 3000 x 1920, maximum 16384 x 16384
eDP-1 connected primary 1920x1080+0+0 (normal left inverted right x axis y axis) 344mm x 194mm
   1920x1080     60.01*+  59.97    59.96    59.93
   1680x1050     59.95    59.88
HDMI-1 disconnected (normal left inverted right x axis y axis)
DP-1 connected 1080x1920+1920+0 right (normal left inverted right x axis y axis) 527mm x 296mm
   1920x1080     60.00*+  50.00
DP-2 connected (normal left inverted right x axis y axis)
   2560x1440     59.95 +
"""


def test_xrandr_tells_the_screens_that_show_something() -> None:
    assert linux.parse_xrandr(XRANDR) == (Screen(1920, 1080), Screen(1080, 1920))
    assert linux.parse_xrandr("") == ()
    assert linux.parse_xrandr("Can't open display :9\n") == ()


def connector(drm: Path, name: str, status: str, enabled: str, modes: str) -> None:
    folder = drm / name
    folder.mkdir(parents=True)
    for file, text in (("status", status), ("enabled", enabled), ("modes", modes)):
        (folder / file).write_text(text + "\n", encoding="utf-8")


def test_the_kernel_tells_enabled_connectors_with_their_own_mode(tmp_path: Path) -> None:
    connector(tmp_path, "card0-eDP-1", "connected", "enabled", "2560x1600\n1920x1200")
    connector(tmp_path, "card0-HDMI-A-1", "connected", "disabled", "1920x1080")
    connector(tmp_path, "card0-DP-1", "disconnected", "disabled", "")
    (tmp_path / "card0").mkdir()
    assert linux.drm_screens(tmp_path) == (Screen(2560, 1600),)


def test_x11_is_asked_first_and_wayland_asks_the_kernel(tmp_path: Path) -> None:
    connector(tmp_path, "card0-eDP-1", "connected", "enabled", "2560x1600")

    def xrandr(command: Sequence[str]) -> str:
        return XRANDR

    assert len(linux.screens({"DISPLAY": ":0"}, xrandr, tmp_path)) == 2
    wayland = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}
    assert linux.screens(wayland, xrandr, tmp_path) == (Screen(2560, 1600),)
    assert linux.screens({}, xrandr, tmp_path) == (Screen(2560, 1600),)
    assert linux.screens({"DISPLAY": ":0"}, lambda command: "", tmp_path) == (Screen(2560, 1600),)


def test_a_machine_without_a_screen_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProbeError) as failed:
        linux.screens({}, lambda command: "", tmp_path)
    assert failed.value.code == "no_screen"


def cpuinfo(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_highest_clock_of_all_cores_counts(tmp_path: Path) -> None:
    for number, khz in enumerate((4_700_000, 3_500_000)):  # performance and efficiency cores
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "cpuinfo_max_freq").write_text(f"{khz}\n", encoding="utf-8")
    assert linux.clock(tmp_path, tmp_path / "none").ghz == 4.7


def test_without_a_frequency_driver_the_running_clock_counts_with_its_spread(tmp_path: Path) -> None:
    info = cpuinfo(tmp_path, "processor\t: 0\ncpu MHz\t\t: 2596.140\n\nprocessor\t: 1\ncpu MHz\t\t: 2400.000\n")
    clock = linux.clock(tmp_path, info)
    assert clock.ghz == pytest.approx(2.59614)
    assert clock.half_width == pytest.approx(0.19614)


def test_a_board_that_does_not_tell_its_clock_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(ProbeError) as failed:
        linux.clock(tmp_path, cpuinfo(tmp_path, "processor\t: 0\nBogoMIPS\t: 108.00\n"))
    assert failed.value.code == "not_told"


HYPERVISOR = "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"
BARE = "processor\t: 0\nflags\t\t: fpu vme lahf_lm\n"


@pytest.mark.parametrize(
    ("word", "info", "board", "expected"),
    [
        ("kvm\n", HYPERVISOR, None, Machine(True, "systemd-detect-virt: kvm")),
        ("none\n", BARE, None, Machine(False, "systemd-detect-virt: none")),
        ("none\n", HYPERVISOR, None, Machine(True, "processor flag hypervisor")),
        ("", HYPERVISOR, None, Machine(True, "processor flag hypervisor")),
        ("", BARE, ("LENOVO", "20Y1S02400"), Machine(False, "board: LENOVO 20Y1S02400")),
        ("", BARE, ("QEMU", "Standard PC"), Machine(True, "board: QEMU Standard PC")),
        ("", BARE, ("innotek GmbH", "VirtualBox"), Machine(True, "board: innotek GmbH VirtualBox")),
    ],
)
def test_a_virtual_machine_is_told_by_its_signs(
    tmp_path: Path, word: str, info: str, board: tuple[str, str] | None, expected: Machine
) -> None:
    if board:
        (tmp_path / "sys_vendor").write_text(board[0] + "\n", encoding="utf-8")
        (tmp_path / "product_name").write_text(board[1] + "\n", encoding="utf-8")
    assert linux.machine(lambda command: word, tmp_path, cpuinfo(tmp_path, info)) == expected


def test_without_any_sign_nothing_is_claimed(tmp_path: Path) -> None:
    with pytest.raises(ProbeError) as failed:
        linux.machine(lambda command: "", tmp_path / "none", tmp_path / "none")
    assert failed.value.code == "not_told"


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert linux.run_program(("homecheck-no-such-program",)) == ""
    assert linux.run_program(("uname",)).strip()
