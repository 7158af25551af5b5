"""Linux updates: logs of Debian, Ubuntu, Arch and Fedora, re-typed in their form; names and dates are invented."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.security.linux_updates import updates

DPKG = """\
2026-11-02 08:00:01 startup packages configure
2026-11-20 06:31:11 startup archives unpack
2026-11-20 06:31:12 upgrade libssl3:amd64 3.0.17-1~deb12u2 3.0.18-1~deb12u1
2026-11-20 06:31:12 status half-configured libssl3:amd64 3.0.17-1~deb12u2
2026-11-24 19:02:03 install sl:amd64 <none> 5.02-1
2026-11-24 19:02:04 configure sl:amd64 5.02-1 <none>
"""
PACMAN = """\
[2026-11-19T22:10:01+0100] [PACMAN] Running 'pacman -Syu'
[2026-11-19T22:11:30+0100] [ALPM] upgraded linux (6.17.8.arch1-1 -> 6.17.9.arch1-1)
[2026-11-21T09:00:00+0100] [ALPM] installed sl (5.05-5)
"""


def nothing(command: Sequence[str]) -> str:
    return ""


def log(root: Path, name: str, text: str) -> None:
    file = root / "var/log" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text, encoding="utf-8")


def local(*parts: int) -> datetime:
    return datetime(*parts).astimezone()  # type: ignore[arg-type]  # the year, the month, and so on


def test_debians_newest_upgrade_counts_and_a_new_program_does_not(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log", DPKG)
    found = updates(nothing, tmp_path)
    assert found.newest == local(2026, 11, 20, 6, 31, 12)
    assert found.half_width_days == pytest.approx(1 / 24)
    assert not found.at_least


def test_an_older_log_is_opened_when_the_new_one_has_no_upgrade(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log", DPKG.replace(" upgrade ", " install "))
    log(tmp_path, "dpkg.log.1", "")
    log(tmp_path, "dpkg.log.2.gz", "2026-09-14 06:00:00 upgrade tzdata:all 2026a 2026b\n")
    found = updates(nothing, tmp_path)
    assert (found.newest, found.at_least) == (local(2026, 9, 14, 6, 0, 0), False)


def test_a_log_without_any_upgrade_tells_how_long_there_has_been_none_at_least(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log", DPKG.replace(" upgrade ", " install "))
    found = updates(nothing, tmp_path)
    assert (found.newest, found.at_least) == (local(2026, 11, 2, 8, 0, 1), True)


def test_arch_writes_its_own_zone(tmp_path: Path) -> None:
    log(tmp_path, "pacman.log", PACMAN)
    assert updates(nothing, tmp_path).newest == datetime(2026, 11, 19, 21, 11, 30, tzinfo=UTC)


def test_fedora_is_as_new_as_the_newest_package_of_the_system_itself(tmp_path: Path) -> None:
    def rpm(command: Sequence[str]) -> str:
        if command[0] != "rpm":
            return ""
        assert {"glibc", "systemd", "kernel-core"} <= set(command)
        return "1763200000\npackage libopenssl3 is not installed\n1763620000\n1763300000\n99999999999999\n"

    found = updates(rpm, tmp_path)
    assert (found.newest, found.half_width_days) == (datetime(2025, 11, 20, 6, 26, 40, tzinfo=UTC), 0.0)


@pytest.mark.parametrize(
    "text", ["", "no log at all\n", "2026-13-45 99:00:00 upgrade a b c\n", "0000-00-00 00:00:00 upgrade a b c\n"]
)
def test_a_system_without_a_readable_log_is_not_told(tmp_path: Path, text: str) -> None:
    log(tmp_path, "dpkg.log", text)
    log(tmp_path, "dpkg.log.2.gz", "")
    (tmp_path / "var/log/dpkg.log.3.gz").write_bytes(b"\x1f\x8b broken")
    packed = bytearray(gzip.compress(DPKG.encode() * 50))
    packed[20:60] = b"\xff" * 40  # a disk that has gone bad
    (tmp_path / "var/log/dpkg.log.4.gz").write_bytes(packed)
    (tmp_path / "var/log/dpkg.log.5.gz").write_bytes(gzip.compress(DPKG.encode())[:-12])
    with pytest.raises(ProbeError) as failed:
        updates(nothing, tmp_path)
    assert failed.value.code == "not_told"


def test_what_ubuntu_keeps_of_its_last_look_is_told_without_asking_anybody(tmp_path: Path) -> None:
    """The form of /var/lib/update-notifier/updates-available on Ubuntu 24.04; the third number is another offer."""
    log(tmp_path, "dpkg.log", DPKG)
    assert updates(nothing, tmp_path).details == {}
    stamp, available = tmp_path / "var/lib/apt/periodic", tmp_path / "var/lib/update-notifier"
    stamp.mkdir(parents=True)
    (stamp / "update-success-stamp").touch()
    os.utime(stamp / "update-success-stamp", (1_764_000_000, 1_764_000_000))
    available.mkdir(parents=True)
    (available / "updates-available").write_text(
        "\nExpanded Security Maintenance for Applications is not enabled.\n\n12 updates can be applied immediately.\n"
        "7 of these updates are standard security updates.\n\n31 additional security updates can be applied with ESM.\n"
    )
    assert updates(nothing, tmp_path).details == {"looked": "2025-11-24", "pending": 12}
