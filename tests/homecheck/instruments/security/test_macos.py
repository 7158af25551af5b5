"""macOS 12 to 26: what its programs print and its property lists hold, re-typed in their form; values are invented."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.security.macos import ALF, HISTORY, SOFTWARE_UPDATE, XPROTECT, MacOS, endpoint_products

STATUS = "XProtect launch scans: enabled\nXProtect background scans: enabled\n"
VERSION = "Version: 5346 Installed: 2026-11-18 08:53:39 +0000\n"
EXTENSIONS = """\
3 extension(s)
--- com.apple.system_extension.network_extension (Go to 'System Settings' to modify these system extension(s))
enabled\tactive\tteamID\tbundleID (version)\tname\t[state]
*\t*\tEXAMPLE123\tcom.example.vpn (2.1.0/2.1.0)\tExample VPN\t[activated enabled]
--- com.apple.system_extension.endpoint_security
enabled\tactive\tteamID\tbundleID (version)\tname\t[state]
*\t*\tEXAMPLE456\tcom.example.edr (1.4/104)\tExample EDR\t[activated enabled]
\t\tEXAMPLE789\tcom.example.old (1.0/1)\tOld Guard\t[terminated waiting to uninstall on reboot]
"""
INSTALLED = [
    {"date": datetime(2026, 9, 15, 20, 1, 2), "displayName": "macOS 26.0", "processName": "softwareupdated"},
    {"date": datetime(2026, 11, 4, 19, 5, 0), "displayName": "macOS 26.1", "displayVersion": "26.1",
     "processName": "softwareupdated"},
    {"date": datetime(2026, 11, 20, 9, 0, 0), "displayName": "XProtectPlistConfigData", "contentType": "config-data",
     "processName": "softwareupdated"},
    {"date": datetime(2026, 11, 20, 10, 0, 0), "displayName": "Command Line Tools for Xcode 26.1",
     "processName": "softwareupdated"},
    {"date": datetime(2026, 11, 21, 9, 0, 0), "displayName": "WhatsApp", "processName": "appstoreagent"},
    {"date": datetime(2026, 11, 22, 9, 0, 0), "displayName": "Example VPN", "processName": "installer"},
]  # fmt: skip


def mac(root: Path, **said: str) -> MacOS:
    def run(command: Sequence[str]) -> str:
        return said.get(f"{Path(command[0]).name}_{command[-1].lstrip('-')}", "")

    return MacOS(run, root)


def write(root: Path, name: str, content: dict[str, Any] | list[Any]) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(plistlib.dumps(content))


def refused(ask: object) -> str:
    with pytest.raises(ProbeError) as failed:
        ask()  # type: ignore[operator]  # one of the four questions
    return failed.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Firewall is enabled. (State = 1)\n", True),
        ("Firewall is blocking all non-essential incoming connections. (State = 2)\n", True),
        ("Firewall is disabled. (State = 0)\n", False),
    ],
)
def test_the_application_firewall_is_told_by_its_number(tmp_path: Path, text: str, value: bool) -> None:
    assert mac(tmp_path, socketfilterfw_getglobalstate=text).firewall().value is value


def test_an_older_macs_file_tells_it_too_and_without_either_nothing_is_told(tmp_path: Path) -> None:
    assert refused(mac(tmp_path).firewall) == "not_told"
    write(tmp_path, ALF, {"globalstate": 1, "version": "1.6"})
    assert mac(tmp_path).firewall().value is True
    write(tmp_path, ALF, {"globalstate": "on"})
    assert refused(mac(tmp_path).firewall) == "not_told"


def test_xprotect_on_macos_15_and_newer(tmp_path: Path) -> None:
    told = mac(
        tmp_path, xprotect_version=VERSION, xprotect_status=STATUS, systemextensionsctl_list=EXTENSIONS
    ).antivirus()
    assert told.value is True
    assert told.details == {"version": "5346", "installed": "2026-11-18", "products": ["XProtect", "Example EDR"]}


def test_scans_that_are_switched_off_are_a_no(tmp_path: Path) -> None:
    off = STATUS.replace("background scans: enabled", "background scans: disabled")
    told = mac(tmp_path, xprotect_version=VERSION, xprotect_status=off).antivirus()
    assert (told.value, told.told_by) == (False, "XProtect, scans that are off: background")


def test_xprotect_on_older_systems_is_its_bundle(tmp_path: Path) -> None:
    assert refused(mac(tmp_path).antivirus) == "not_told"
    write(tmp_path, XPROTECT, {"CFBundleShortVersionString": "2194"})
    told = mac(tmp_path).antivirus()
    assert (told.value, told.details["version"], told.details["installed"]) == (True, "2194", None)


def test_only_extensions_for_endpoint_security_that_are_on_are_named() -> None:
    assert endpoint_products(EXTENSIONS) == ["Example EDR"]
    assert endpoint_products("0 extension(s)\n") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("FileVault is On.\n", True),
        ("FileVault is Off.\n", False),
        ("FileVault is Off.\nDeferred enablement appears to be active for user 'ada'.\n", False),
        ("FileVault is Off, but will be enabled after the next restart.\n", False),
        ("FileVault is On, but needs to be restarted to finish.\n", False),
        ("FileVault is On.\nEncryption in progress: Percent completed = 12\n", False),
        ("FileVault is On.\nDecryption in progress: Percent completed = 90\n", False),
    ],
)
def test_filevault_counts_when_it_is_on_and_finished(tmp_path: Path, text: str, value: bool) -> None:
    assert mac(tmp_path, fdesetup_status=text).disk_encrypted().value is value


@pytest.mark.parametrize("text", ["", "fdesetup: command not found", "Error: Unable to determine FileVault status."])
def test_a_mac_that_does_not_tell_is_never_a_no(tmp_path: Path, text: str) -> None:
    assert refused(mac(tmp_path, fdesetup_status=text).disk_encrypted) == "not_told"


def test_no_name_of_a_user_stands_in_what_is_told(tmp_path: Path) -> None:
    text = "FileVault is Off.\nDeferred enablement appears to be active for user 'ada'.\n"
    assert "ada" not in mac(tmp_path, fdesetup_status=text).disk_encrypted().told_by


def test_the_newest_update_of_macos_counts_not_apps_and_data(tmp_path: Path) -> None:
    write(tmp_path, HISTORY, INSTALLED)
    write(tmp_path, SOFTWARE_UPDATE, {"LastSuccessfulDate": datetime(2026, 11, 25, 3, 0, 0), "LastUpdatesAvailable": 2})
    found = mac(tmp_path).updates()
    assert (found.newest, found.half_width_days) == (datetime(2026, 11, 4, 19, 5, tzinfo=UTC), 0.0)
    assert found.details == {"looked": "2026-11-25", "pending": 2}


@pytest.mark.parametrize(
    "rows", [[], INSTALLED[2:], [7, {"processName": 7}, {"date": "x", "processName": "softwareupdated"}]]
)
def test_a_history_without_an_update_is_not_told(tmp_path: Path, rows: list[object]) -> None:
    write(tmp_path, HISTORY, rows)
    assert refused(mac(tmp_path).updates) == "not_told"


def test_a_broken_property_list_is_not_told(tmp_path: Path) -> None:
    for content in (b"", b"<plist>", b"bplist00\xff\xff\xff", b"\xff\xfe<\x00"):
        file = tmp_path / HISTORY
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        assert refused(mac(tmp_path).updates) == "not_told"
