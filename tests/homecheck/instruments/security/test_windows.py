"""Windows: answers of the script as Windows 10, 11 and Server give them, and the Security Center's judgement.

The forms are those of ConvertTo-Json in Windows PowerShell 5.1; names, dates and numbers are invented or published
examples of productState (idera.com; stackoverflow.com/questions/4700897).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.powershell import failed_script
from homecheck.instruments.security.facts import Told
from homecheck.instruments.security.windows import Windows, day, moment
from homecheck.instruments.security.windows_center import (
    ANTIVIRUS,
    FIREWALL,
    Product,
    guarded,
    provider_health,
)
from homecheck.instruments.security.windows_script import SCRIPT, parse, rows

DEFENDER_ON = {"displayName": "Windows Defender", "productState": 397568}  # 0x061100
DEFENDER_OFF = {"displayName": "Windows Defender", "productState": 393472}  # 0x060100
OTHER_ON = {"displayName": "Norton 360", "productState": 266240}  # 0x041000
OTHER_OLD = {"displayName": "Norton 360", "productState": 266256}  # 0x041010

# A German Windows 11, as an ordinary user sees it.
WINDOWS_11: Mapping[str, Any] = {
    "language": "FullLanguage",
    "antivirus": [DEFENDER_ON],
    "firewall": [],
    "profiles": [{"name": "Domain", "enabled": 1}, {"name": "Private", "enabled": 1}, {"name": "Public", "enabled": 1}],
    "defender": {
        "AMRunningMode": "Normal",
        "AntivirusEnabled": True,
        "RealTimeProtectionEnabled": True,
        "AntivirusSignatureAge": 1,
    },
    "bitlocker": [{"drive": "C:", "state": 1}],
    "history": [
        {
            "at": "2026-11-25T07:12:01",
            "title": "Update für Microsoft Defender Antivirus – Antischadsoftwareplattform – KB4052623",
        },
        {"at": "2026-11-24T18:00:00", "title": "Intel Corporation - Display - 31.0.101.5590"},
        {"at": "2026-11-12T19:33:20", "title": "2026-11 Kumulatives Update für Windows 11 Version 24H2 (KB5068861)"},
        {
            "at": "2026-11-12T19:20:05",
            "title": "Windows-Tool zum Entfernen bösartiger Software x64 - v5.136 (KB890830)",
        },
    ],
    "hotfixes": ["10/15/2026", "11/12/2026"],
    "looked": "2026-11-26T06:00:12",
}
# Windows Server 2022: no Security Center; one row comes without its list.
SERVER: Mapping[str, Any] = {
    **WINDOWS_11,
    "antivirus": None,
    "firewall": None,
    "bitlocker": {"drive": "C:", "state": 2},
    "history": None,
    "hotfixes": {"value": ["9/10/2026", "11/13/2026"], "Count": 2},
    "looked": None,
}
# A company's computer whose PowerShell speaks part of its language: objects of COM are forbidden.
RESTRICTED: Mapping[str, Any] = {
    "language": "ConstrainedLanguage",
    **dict.fromkeys(("antivirus", "firewall", "profiles", "defender", "bitlocker", "history", "hotfixes", "looked")),
}


def windows(answer: Mapping[str, Any], *, firewall: int | None = None, antivirus: int | None = None) -> Windows:
    judged = {FIREWALL: firewall, ANTIVIRUS: antivirus}
    return Windows(script=lambda: json.dumps(answer), health=judged.get)


def blocked() -> str:
    raise failed_script("powershell_blocked", "PowerShell is not there, or this computer does not let it start")


def code(ask: object) -> tuple[str, str]:
    with pytest.raises(ProbeError) as failed:
        ask()  # type: ignore[operator]  # one of the four questions
    return failed.value.code, failed.value.message


def test_an_ordinary_windows_11_is_guarded() -> None:
    system = windows(WINDOWS_11, firewall=0, antivirus=0)
    assert system.firewall() == Told(True, "Windows Security Center: good", {"products": []})
    assert system.antivirus() == Told(True, "Windows Security Center: good", {"products": ["Windows Defender: on"]})
    assert system.disk_encrypted().value is True
    found = system.updates()
    assert (found.newest, found.half_width_days) == (datetime(2026, 11, 12, 19, 33, 20, tzinfo=UTC), 0.0)
    assert found.details == {"looked": "2026-11-26"}


@pytest.mark.parametrize(("health", "value"), [(0, True), (2, False), (3, False)])
def test_windows_own_judgement_comes_before_every_other_sign(health: int, value: bool) -> None:
    system = windows({**WINDOWS_11, "antivirus": [DEFENDER_OFF]}, firewall=health, antivirus=health)
    assert (system.firewall().value, system.antivirus().value) == (value, value)


def test_what_windows_does_not_monitor_is_asked_elsewhere() -> None:
    system = windows(WINDOWS_11, firewall=1, antivirus=1)
    assert system.firewall().told_by == "firewall profiles, off: none"
    assert system.antivirus().told_by == "products that are registered with Windows"


@pytest.mark.parametrize(
    ("products", "value"),
    [
        ([DEFENDER_ON], True),
        ([DEFENDER_OFF], False),
        ([DEFENDER_OFF, OTHER_ON], True),
        ([DEFENDER_OFF, OTHER_OLD], False),
        ([{"displayName": "Snoozed", "productState": 0x042000}], False),
        ([{"displayName": "Expired", "productState": 0x043000}], False),
    ],
)
def test_without_windows_judgement_its_products_tell(products: list[Mapping[str, Any]], value: bool) -> None:
    assert windows({**WINDOWS_11, "antivirus": products}).antivirus().value is value


def test_bits_that_nobody_knows_are_never_a_no() -> None:
    assert guarded([Product("New", 0x07B000)]) is None
    assert guarded([]) is None
    found = windows({**WINDOWS_11, "antivirus": [{"displayName": "New", "productState": 0x07B000}]}).antivirus()
    assert found.told_by == "Microsoft Defender: Normal"


def test_a_server_is_told_by_defender_and_by_the_profiles_of_its_firewall() -> None:
    system = windows(SERVER)
    assert system.antivirus() == Told(
        True, "Microsoft Defender: Normal", {"products": ["Microsoft Defender"], "definitions_days": 1}
    )
    assert system.firewall().value is True
    told = system.disk_encrypted()
    assert (told.value, told.details) == (False, {"drives": {"C:": "off"}})
    found = system.updates()
    assert (found.newest, found.half_width_days) == (datetime(2026, 11, 13, 12).astimezone(), 0.5)


def test_a_defender_that_is_passive_or_gone_tells_nothing_of_another_product() -> None:
    for defender in ({"AMRunningMode": "Passive Mode", "AntivirusEnabled": False}, None, 7):
        assert code(windows({**SERVER, "defender": defender}).antivirus)[0] == "not_told"


def test_defender_that_runs_with_its_guard_off_is_a_no() -> None:
    off = {"AMRunningMode": "Normal", "AntivirusEnabled": True, "RealTimeProtectionEnabled": False}
    assert windows({**SERVER, "defender": off}).antivirus().value is False


def test_a_profile_that_is_off_is_named_and_one_that_is_not_set_is_not_told() -> None:
    profiles = [{"name": "Domain", "enabled": 1}, {"name": "Public", "enabled": 0}]
    told = windows({**SERVER, "profiles": profiles}).firewall()
    assert (told.value, told.told_by) == (False, "firewall profiles, off: Public")
    assert code(windows({**SERVER, "profiles": [{"name": "Public", "enabled": 2}]}).firewall)[0] == "not_told"
    assert code(windows({**SERVER, "profiles": None}).firewall)[0] == "not_told"


def test_a_firewall_of_another_maker_counts_where_windows_own_is_off() -> None:
    profiles = [{"name": "Public", "enabled": 0}]
    found = windows({**SERVER, "firewall": [OTHER_ON], "profiles": profiles}).firewall()
    assert (found.value, found.details) == (True, {"products": ["Norton 360"]})


@pytest.mark.parametrize(
    ("state", "value"), [(1, True), ("1", True), (6, True), (2, False), (3, False), (4, False), (5, False), (8, False)]
)
def test_bitlocker_counts_when_it_is_on_and_finished(state: object, value: bool) -> None:
    assert windows({**WINDOWS_11, "bitlocker": [{"drive": "C:", "state": state}]}).disk_encrypted().value is value


@pytest.mark.parametrize("state", [0, 7, None, "", "on", -1, True])
def test_a_volume_of_which_windows_says_nothing_is_not_told(state: object) -> None:
    answer = {**WINDOWS_11, "bitlocker": [{"drive": "C:", "state": state}]}
    assert code(windows(answer).disk_encrypted)[0] == "not_told"


def test_the_drive_with_the_users_folder_counts_too() -> None:
    drives = [{"drive": "C:", "state": 1}, {"drive": "D:", "state": 2}]
    assert windows({**WINDOWS_11, "bitlocker": drives}).disk_encrypted().value is False


def test_definitions_drivers_and_the_removal_tool_are_no_updates_of_windows() -> None:
    history = [row for row in WINDOWS_11["history"] if "KB5068861" not in row["title"]]
    message = code(windows({**WINDOWS_11, "history": history, "hotfixes": []}).updates)[1]
    assert "neither Windows Update nor the list of fixes" in message


def test_a_restricted_powershell_is_named_as_the_reason() -> None:
    system = windows(RESTRICTED)
    for ask in (system.firewall, system.antivirus, system.disk_encrypted, system.updates):
        found = code(ask)
        assert found[0] == "not_told"
        assert "PowerShell is restricted on this computer (ConstrainedLanguage)" in found[1]


def test_a_blocked_powershell_costs_only_what_nobody_else_tells() -> None:
    system = Windows(script=blocked, health=lambda provider: 0)
    assert (system.firewall().value, system.antivirus().value) == (True, True)
    assert code(system.disk_encrypted)[0] == "powershell_blocked"
    assert code(system.updates)[0] == "powershell_blocked"
    alone = Windows(script=blocked, health=lambda provider: None)
    assert code(alone.firewall)[0] == "powershell_blocked"
    assert code(alone.antivirus)[0] == "powershell_blocked"


def test_powershell_is_started_once() -> None:
    started = []

    def script() -> str:
        started.append(1)
        return json.dumps(SERVER)

    system = Windows(script=script, health=lambda provider: None)
    for ask in (system.firewall, system.antivirus, system.disk_encrypted, system.updates):
        ask()
    assert len(started) == 1


@pytest.mark.parametrize("text", ["", "[]", "7", "null", "{", "Zugriff verweigert"])
def test_another_form_of_answer_is_a_failure_that_says_so(text: str) -> None:
    with pytest.raises(ProbeError, match="form that is not known") as failed:
        parse(text)
    assert failed.value.code == "powershell_unreadable"


def test_answers_of_strangers_do_not_crash() -> None:
    odd = {"language": "FullLanguage", **dict.fromkeys(WINDOWS_11, 7), "history": [7, {"at": 1, "title": "KB5068861"}]}
    system = windows(odd)
    for ask in (system.firewall, system.antivirus, system.disk_encrypted, system.updates):
        assert code(ask)[0] == "not_told"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("11/12/2026", datetime(2026, 11, 12).astimezone()),
        ("3/4/2026 12:00:00 AM", datetime(2026, 3, 4).astimezone()),  # March: Windows stores month/day
        ("13/12/2026", None),
        ("12.11.2026", None),
        ("", None),
        ("0/0/0000", None),
    ],
)
def test_a_day_is_read_as_windows_stores_it(text: str, expected: datetime | None) -> None:
    assert day(text) == expected


def test_old_systems_store_the_moment_as_a_number() -> None:
    """Microsoft publishes that 1 January 1970 is 0x019db1ded53e8000; 1 January 2020 is 18262 days later."""
    number = f"{0x019DB1DED53E8000 + 18262 * 86_400 * 10_000_000:016x}"
    found = windows({**SERVER, "hotfixes": [number]}).updates()
    assert (found.newest, found.half_width_days) == (datetime(2020, 1, 1, tzinfo=UTC), 0.0)


def test_a_moment_before_windows_10_is_an_empty_field() -> None:
    assert moment("1899-12-30T00:00:00") is None
    assert moment(None) is None
    assert moment("2026-11-12T19:33:20") == datetime(2026, 11, 12, 19, 33, 20, tzinfo=UTC)


def test_lists_arrive_in_three_forms() -> None:
    assert rows({"value": [1, 2], "Count": 2}) == [1, 2]
    assert rows({"drive": "C:"}) == [{"drive": "C:"}]
    assert rows([]) == []
    assert rows(None) is None


def test_the_script_survives_the_command_line_and_asks_in_no_language() -> None:
    assert '"' not in SCRIPT
    assert "\n" not in SCRIPT
    assert SCRIPT.count("{") == SCRIPT.count("}")
    assert SCRIPT.count("(") == SCRIPT.count(")")
    assert len(SCRIPT) < 8000


def test_elsewhere_there_is_no_security_center() -> None:
    assert provider_health(ANTIVIRUS) is None
