"""End of support: the vendors' published last days, and no guess beyond them."""

from __future__ import annotations

from datetime import date

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.host.facts import OperatingSystem
from homecheck.instruments.host.os_support import end_of_support, support_table


@pytest.mark.parametrize(
    ("family", "version", "edition", "end"),
    [
        ("windows", "19045", "home", date(2025, 10, 14)),  # Windows 10 22H2, Microsoft Learn
        ("windows", "19044", "ltsc", date(2027, 1, 12)),  # Windows 10 Enterprise LTSC 2021
        ("windows", "22631", "home", date(2025, 11, 11)),  # Windows 11 23H2
        ("windows", "26100", "enterprise", date(2027, 10, 12)),  # Windows 11 24H2
        ("windows", "26200", "home", date(2027, 10, 12)),  # Windows 11 25H2
        ("macos", "13", "", date(2025, 9, 15)),  # the day macOS 26 came out
        ("debian", "12", "", date(2028, 6, 30)),  # distro-info-data: eol-lts
        ("ubuntu", "24.04", "", date(2029, 5, 31)),  # distro-info-data: eol
    ],
)
def test_the_published_last_day_is_found(family: str, version: str, edition: str, end: date) -> None:
    found, told_by = end_of_support(OperatingSystem(family, version, "x", edition))
    assert found == end
    assert "table" in told_by


def test_what_the_system_says_about_itself_comes_first() -> None:
    system = OperatingSystem("debian", "12", "x", end=date(2030, 1, 1))
    assert end_of_support(system) == (date(2030, 1, 1), "SUPPORT_END in os-release")


@pytest.mark.parametrize(
    ("family", "version", "edition"),
    [
        ("windows", "99999", "home"),  # newer than the table
        ("windows", "26200", "ltsc"),  # there is none of this build
        ("windows-server", "20348", "home"),
        ("macos", "99", ""),
        ("arch", "", ""),
        ("debian", "", ""),
    ],
)
def test_what_is_not_known_is_our_gap_and_not_guessed(family: str, version: str, edition: str) -> None:
    with pytest.raises(ProbeError) as failed:
        end_of_support(OperatingSystem(family, version, "The System", edition))
    assert (failed.value.code, failed.value.at_fault) == ("os_not_known", "agent")
    assert "The System" in failed.value.message


def test_every_entry_of_the_table_is_a_date() -> None:
    for versions in support_table().values():
        for entry in versions.values():
            dates = entry.values() if isinstance(entry, dict) else [entry]
            assert all(type(found) is date for found in dates)
