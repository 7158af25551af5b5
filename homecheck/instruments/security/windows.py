"""Windows: the Security Center's judgement, else what firewall, Microsoft Defender, Explorer and Windows Update say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from homecheck.errors import ProbeError
from homecheck.instruments.powershell import output_of_script
from homecheck.instruments.security.facts import Part, Told, Updates, names, untold
from homecheck.instruments.security.windows_center import (
    ANTIVIRUS,
    FIREWALL,
    GOOD,
    HEALTH,
    JUDGED,
    Product,
    guarded,
    provider_health,
)
from homecheck.instruments.security.windows_script import SCRIPT, SECONDS, Answer, parse, restricted, rows
from homecheck.measurement import Details, clean_text

# What System.Volume.BitLockerProtection says; 0 and others are a volume of which nothing is known.
BITLOCKER: Final = {
    1: (True, "on"),
    2: (False, "off"),
    3: (False, "being encrypted"),
    4: (False, "being decrypted"),
    5: (False, "suspended"),
    6: (True, "on and locked"),
    8: (False, "waiting for activation"),
}
# Definitions and platform of Microsoft Defender, its older names, and the monthly removal tool: no update of Windows.
NOT_WINDOWS: Final = re.compile(r"KB(?:2267602|4052623|890830|5007651|915597|2461484)\b")
UPDATE: Final = re.compile(r"KB\d{6,7}\b")  # drivers and apps of the store have no such number
FILETIME: Final = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
US_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
HALF_DAY: Final = timedelta(hours=12)


def read_script() -> str:
    """Return what the script says. Raises ProbeError."""
    return output_of_script(SCRIPT, SECONDS)


@dataclass(frozen=True)
class Windows:
    """PowerShell runs once, when the first question needs it; its failure is every such question's."""

    script: Callable[[], str] = read_script
    health: Callable[[int], int | None] = provider_health

    @cached_property
    def _asked(self) -> Answer | ProbeError:
        try:
            return parse(self.script())
        except ProbeError as error:
            return error

    def _answer(self) -> Answer:
        if isinstance(self._asked, ProbeError):
            raise self._asked
        return self._asked

    def _products(self, kind: str) -> list[Product]:
        """Return the registered products, as far as they are told."""
        answer = {} if isinstance(self._asked, ProbeError) else self._asked
        return [product for row in rows(answer.get(kind)) or () if (product := product_of(row))]

    def firewall(self) -> Told:
        """Return whether a firewall is on: by Windows' judgement, by a product, or on in every profile."""
        products = self._products("firewall")
        details: Details = {"products": names([product.name for product in products])}
        if (judged := self.health(FIREWALL)) in JUDGED:
            return Told(judged == GOOD, f"Windows Security Center: {HEALTH[judged]}", details)
        answer = self._answer()
        if guarded(products):
            return Told(True, "a firewall that is registered with Windows", details)
        enabled = profiles(answer)
        if not enabled or None in enabled.values():
            raise hidden("firewall", "Windows does not list the firewall's profiles", answer)
        off = [name for name, on in enabled.items() if not on]
        return Told(not off, f"firewall profiles, off: {', '.join(off) or 'none'}", details)

    def antivirus(self) -> Told:
        """Return whether virus protection is on and current: by Windows' judgement, by a product, or by Defender."""
        products = self._products("antivirus")
        found = [f"{product.name}: {product.word}" for product in products]
        details: Details = {"products": names(found)}
        if (judged := self.health(ANTIVIRUS)) in JUDGED:
            return Told(judged == GOOD, f"Windows Security Center: {HEALTH[judged]}", details)
        answer = self._answer()
        if (guards := guarded(products)) is not None:
            return Told(guards, "products that are registered with Windows", details)
        return defender(answer)

    def disk_encrypted(self) -> Told:
        """Return whether BitLocker protects the drives with Windows and the user's folder."""
        answer = self._answer()
        drives = {
            str(row.get("drive")): BITLOCKER.get(number_of(row.get("state")))
            for row in rows(answer.get("bitlocker")) or ()
            if isinstance(row, dict)
        }
        if not drives or None in drives.values():
            raise hidden("encryption", "Windows does not say whether BitLocker protects the drive", answer)
        told = {drive: state for drive, state in drives.items() if state is not None}
        details: Details = {"drives": {clean_text(drive)[:8]: word for drive, (_, word) in told.items()}}
        return Told(all(on for on, _ in told.values()), "System.Volume.BitLockerProtection", details)

    def updates(self) -> Updates:
        """Return when the newest update was installed; Windows Update and its list of fixes both count."""
        answer = self._answer()
        found = [*history(answer), *hotfixes(answer)]
        if not found:
            raise hidden("updates", "neither Windows Update nor the list of fixes holds an update", answer)
        newest, half_width, told_by = max(found)
        looked = moment(answer.get("looked"))
        details: Details = {"looked": looked.date().isoformat()} if looked else {}
        return Updates(newest, half_width, told_by, details=details)


def hidden(part: Part, why: str, answer: Answer) -> ProbeError:
    """Return why a part is missing; a restricted PowerShell hides it."""
    if restricted(answer):
        return untold(part, f"PowerShell is restricted on this computer ({clean_text(str(answer['language']))[:40]})")
    return untold(part, why)


def product_of(row: object) -> Product | None:
    """Return the product of one row of the Security Center."""
    if not isinstance(row, dict) or not isinstance(state := row.get("productState"), int):
        return None
    return Product(str(row.get("displayName") or ""), state)


def number_of(value: object) -> int:
    """Return a number that PowerShell may have written as text; -1 for none."""
    text = str(value)
    return int(text) if text.isdecimal() else -1


def profiles(answer: Answer) -> dict[str, bool | None]:
    """Return per profile whether the firewall is on; None where it says neither."""
    found = [row for row in rows(answer.get("profiles")) or () if isinstance(row, dict)]
    return {
        clean_text(str(row.get("name")))[:40]: {0: False, 1: True}.get(number_of(row.get("enabled"))) for row in found
    }


def defender(answer: Answer) -> Told:
    """Return what Microsoft Defender says of itself; beside another product it is passive, which tells nothing."""
    found: Any = answer.get("defender")
    mode = str(found.get("AMRunningMode")) if isinstance(found, dict) else ""
    if not isinstance(found, dict) or mode not in ("Normal", "Not running"):
        raise hidden("antivirus", "neither the Security Center nor Microsoft Defender says it", answer)
    on = found.get("AntivirusEnabled") is True and found.get("RealTimeProtectionEnabled") is True
    details: Details = {"products": names(["Microsoft Defender"])}
    if (age := number_of(found.get("AntivirusSignatureAge"))) >= 0:
        details = {**details, "definitions_days": age}
    return Told(on, f"Microsoft Defender: {mode}", details)


def history(answer: Answer) -> Iterator[tuple[datetime, float, str]]:
    """Yield when updates of Windows itself were installed, by Windows Update, to the second."""
    for row in rows(answer.get("history")) or ():
        title = str(row.get("title")) if isinstance(row, dict) else ""
        if UPDATE.search(title) and not NOT_WINDOWS.search(title) and (at := moment(row.get("at"))):
            yield at, 0.0, "Windows Update"


def hotfixes(answer: Answer) -> Iterator[tuple[datetime, float, str]]:
    """Yield when fixes were installed, by Windows' list of them: a day, or on old systems a moment."""
    for row in rows(answer.get("hotfixes")) or ():
        text = str(row).strip()
        if FILETIME.fullmatch(text):
            yield datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(text, 16) // 10), 0.0, "list of fixes"
        elif (at := day(text)) is not None:
            yield at + HALF_DAY, 0.5, "list of fixes, whole days"


def day(text: str) -> datetime | None:
    """Return the start of a day written as month/day/year, in local time; None for anything else."""
    found = US_DATE.match(text)
    if found is None:
        return None
    try:
        return datetime(int(found[3]), int(found[1]), int(found[2])).astimezone()
    except (ValueError, OverflowError):
        return None


def moment(text: object) -> datetime | None:
    """Return a moment in UTC as `ToString('s')` writes it; None for what is none, or before there was Windows 10."""
    try:
        found = datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if found.year >= 2015 else None
