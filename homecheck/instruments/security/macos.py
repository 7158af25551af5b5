"""macOS: the application firewall, XProtect, FileVault, and the history of installations.

What counts as virus protection is XProtect, which Apple calls macOS' built-in antivirus technology: it is there, and
since macOS 15 it also says whether its scans are on. Other makers' products only appear in the details: an extension
for endpoint security may be something else.

Sources: Apple Platform Security ("Protecting against malware in macOS"), fdesetup(8), socketfilterfw --getglobalstate
("State = 0, 1 or 2", the last blocks all), systemextensionsctl(8), xprotect(1) of macOS 15, the keys of
/Library/Receipts/InstallHistory.plist and com.apple.SoftwareUpdate.plist as osquery, munki and plaso read them. The
firewall's own file com.apple.alf.plist is gone since macOS 15 and asked only where the program says nothing.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

from homecheck.instruments.host.program import Runner, output_of
from homecheck.instruments.security.facts import Told, Updates, names, untold
from homecheck.measurement import Details, clean_text

SECONDS: Final = 15.0
FIREWALL: Final = ("/usr/libexec/ApplicationFirewall/socketfilterfw", "--getglobalstate")
FILEVAULT: Final = ("/usr/bin/fdesetup", "status")
XPROTECT_VERSION: Final = ("/usr/bin/xprotect", "version")
XPROTECT_STATUS: Final = ("/usr/bin/xprotect", "status")
EXTENSIONS: Final = ("/usr/bin/systemextensionsctl", "list")
ALF: Final = "Library/Preferences/com.apple.alf.plist"
XPROTECT: Final = "Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist"
HISTORY: Final = "Library/Receipts/InstallHistory.plist"
SOFTWARE_UPDATE: Final = "Library/Preferences/com.apple.SoftwareUpdate.plist"
UPDATERS: Final = ("softwareupdated", "software update", "macos installer", "os x installer")
# Names of what Apple mends the system with; command line tools and Rosetta arrive the same way, at other times.
SYSTEM: Final = re.compile(r"macOS|OS X|Safari|Security")
_UNFINISHED: Final = re.compile(
    r"needs to be restarted|after the next restart|(?:En|De|en|de)cryption (?:is )?in progress"
)
_ENDPOINT: Final = "com.apple.system_extension.endpoint_security"


def run_program(command: Sequence[str]) -> str:
    """Return what a program prints; empty when it is not there, fails or hangs."""
    return output_of(command, SECONDS)


@dataclass(frozen=True)
class MacOS:
    """Files are read below `root`, so that a test can bring a computer of its own."""

    run: Runner = run_program
    root: Path = Path("/")

    def firewall(self) -> Told:
        """Return whether the application firewall is on; 2 is on too, and lets nothing in."""
        state = re.search(r"State = (\d)", self.run(FIREWALL))
        number = int(state[1]) if state else read_plist(self.root / ALF).get("globalstate")
        if isinstance(number, bool) or not isinstance(number, int):
            raise untold("firewall", "macOS does not tell the state of its application firewall")
        return Told(number > 0, f"application firewall: {number}")

    def antivirus(self) -> Told:
        """Return whether XProtect is there and, where that is told, scans."""
        version, installed = self._xprotect()
        scans = dict(re.findall(r"^XProtect (\w+) scans: (\w+)", self.run(XPROTECT_STATUS), re.MULTILINE))
        if not version:
            raise untold("antivirus", "macOS does not tell the version of XProtect")
        others = endpoint_products(self.run(EXTENSIONS))
        details: Details = {"version": version, "installed": installed, "products": names(["XProtect", *others])}
        off = sorted(scan for scan, word in scans.items() if word == "disabled")
        return Told(not off, f"XProtect, scans that are off: {', '.join(off) or 'none'}", details)

    def _xprotect(self) -> tuple[str, str | None]:
        """Return XProtect's version and the day on which it was installed, as far as they are told."""
        said = re.search(r"Version: (\S+) Installed: (\d{4}-\d\d-\d\d)", self.run(XPROTECT_VERSION))
        if said:
            return clean_text(said[1])[:40], said[2]
        version = read_plist(self.root / XPROTECT).get("CFBundleShortVersionString")
        return (clean_text(version)[:40] if isinstance(version, str) else ""), None

    def disk_encrypted(self) -> Told:
        """Return whether FileVault is on and has finished."""
        text = self.run(FILEVAULT)
        state = re.search(r"^FileVault is (On|Off)\b", text, re.MULTILINE)
        if state is None:
            raise untold("encryption", "macOS does not tell the state of FileVault")
        unfinished = _UNFINISHED.search(text) is not None
        word = f"FileVault is {state[1]}{', not finished' if unfinished else ''}"
        return Told(state[1] == "On" and not unfinished, word)

    def updates(self) -> Updates:
        """Return when the newest update of macOS or its parts was installed; data such as XProtect's do not count."""
        history = read_plist(self.root / HISTORY).get("")
        found = [at for row in history or () if (at := installed_at(row))]
        if not found:
            raise untold("updates", "the history of installations holds no update of macOS")
        return Updates(
            max(found), 0.0, "history of installations", details=looked(read_plist(self.root / SOFTWARE_UPDATE))
        )


def installed_at(row: object) -> datetime | None:
    """Return when a row of the history installed an update of the system; None for apps, packages and data."""
    if not isinstance(row, dict) or row.get("contentType") == "config-data":
        return None
    at, updater = row.get("date"), str(row.get("processName", "")).lower()
    if updater not in UPDATERS or not isinstance(at, datetime) or not SYSTEM.search(str(row.get("displayName", ""))):
        return None
    return at.replace(tzinfo=UTC)


def looked(preferences: dict[str, Any]) -> Details:
    """Return when macOS last looked for updates, and how many wait, as far as it keeps that."""
    at, waiting = preferences.get("LastSuccessfulDate"), preferences.get("LastUpdatesAvailable")
    details: dict[str, Any] = {"looked": at.date().isoformat()} if isinstance(at, datetime) else {}
    if isinstance(waiting, int) and not isinstance(waiting, bool):
        details["pending"] = waiting
    return details


def endpoint_products(text: str) -> list[str]:
    """Return the names of the extensions for endpoint security that are on."""
    found, section = [], ""
    for line in text.splitlines():
        if line.startswith("---"):
            section = line
        fields = line.split("\t")
        if _ENDPOINT in section and len(fields) >= 6 and "[activated enabled]" in fields[-1]:
            found.append(fields[4].strip())
    return found


def read_plist(file: Path) -> dict[str, Any]:
    """Return a property list, a list of rows under the key ""; empty when it cannot be read."""
    try:
        found = plistlib.loads(file.read_bytes())
    except (OSError, ValueError, ExpatError, plistlib.InvalidFileException, OverflowError):
        return {}
    return found if isinstance(found, dict) else {"": found if isinstance(found, list) else []}
