"""What `schedule status` and `status` tell of re-checks, as JSON members and in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from homecheck import drift, rechecks
from homecheck.config import Home
from homecheck.enrolment import read_enrolments
from homecheck.errors import StateError
from homecheck.hindrance import WORDS
from homecheck.local_zone import local_zone
from homecheck.locale.here import N_, _, plural, said
from homecheck.printable import printable
from homecheck.rechecks import PATIENCE_HOURS as HOURS
from homecheck.rounds import plans
from homecheck.schedule import next_due
from homecheck.schedule_settings import AWAKE, USUAL, Settings, load
from homecheck.shift import DAYS
from homecheck.standards.rfc_3339 import from_text, to_text

FATES: Final[Mapping[str, str]] = {"accepted": "", "waiting": N_("not delivered yet"), "refused": N_("not accepted")}
NONE: Final = N_("No re-checks. To start them: homecheck schedule install")
UTC: Final = "UTC"  # where the computer names no zone of its own


def schedule_members(home: Home, now: datetime) -> dict[str, Any]:
    """Return everything about re-checks, as JSON members. `next_due` is null where none comes.

    `damaged` says what is wrong with the settings, where they cannot be read; then no check comes.
    """
    settings, damage = _settings(home)
    kept, enrolments = rechecks.load(home), read_enrolments(home).good
    planned = plans(settings, kept, enrolments, local_zone() or UTC) if settings else {}
    due = {name: next_due(plan, now) for name, plan in planned.items()}
    setups = drift.load(home)
    return {
        "scheduled": settings is not None,
        "damaged": {"message": damage.message, "advice": damage.advice} if damage else None,
        "settings": _settings_members(settings) if settings else None,
        "programs": [
            {
                "program": one.program,
                "last_check": _check_members(kept.checks.get(one.program)),
                "next_due": _time(due.get(one.program)),
                "since_first_check": [found.words() for found in setups[one.program].differences()]
                if one.program in setups
                else [],
            }
            for one in enrolments
        ],
        "waiting": _wait_members(kept.waiting),
        "gave_up": _wait_members(kept.gave_up),
        "trouble": {
            "at": to_text(kept.trouble.at),
            "message": kept.trouble.message,
            "times": kept.trouble.times,
            "next_try": to_text(kept.trouble.not_before),
        }
        if kept.trouble
        else None,
    }


def schedule_lines(members: Mapping[str, Any]) -> list[str]:
    """Return the same in words, times by this computer's clock."""
    settings, damage = members["settings"], members["damaged"]
    lines = [_("Re-checks: {times}", times=_times(settings)) if settings else _(NONE)]
    if damage:
        why, advice = said(printable(damage["message"])), said(printable(damage["advice"]))
        lines = [_("Re-checks stand still: {why}. {advice}", why=why, advice=advice)]
    for one in members["programs"]:
        lines += _program_lines(one, scheduled=settings is not None)
    if settings and not members["programs"]:
        lines.append("  " + _("Not enrolled anywhere: nothing is checked. To end it: homecheck schedule remove"))
    if wait := members["waiting"]:
        text = _("It is time, and waits since {time}: {why}", time=_local(wait["at"]), why=_why(wait["why"]))
        lines.append(f"  {text}")
    if gave_up := members["gave_up"]:
        named = {"time": _local(gave_up["at"]), "why": _why(gave_up["why"])}
        given_up = plural(
            "Given up {time} after {count} hour of waiting, until the next round: {why}",
            "Given up {time} after {count} hours of waiting, until the next round: {why}",
            HOURS,
            **named,
        )
        lines.append(f"  {given_up}")
    if trouble := members["trouble"]:
        why = said(printable(trouble["message"]))
        lines.append("  " + _("Could not be made {time}: {why}", time=_local(trouble["at"]), why=why))
        lines.append("  " + _("Next try: {time}", time=_local(trouble["next_try"])))
    return lines


def window(text: str) -> str:
    """Return a window of a shift with the weekdays' names in the person's language: ``mån-fre 18:00-22:00``."""
    days, _space, hours = text.partition(" ")
    return f"{'-'.join(said(day) for day in days.split('-'))} {hours}"


def _settings(home: Home) -> tuple[Settings | None, StateError | None]:
    """Return the settings, or what is wrong with them."""
    try:
        return load(home), None
    except StateError as error:
        return None, error


def _why(why: str) -> str:
    return said(WORDS.get(why, why))


def times(settings: Settings) -> str:
    """Return how often and when, in one line."""
    return _times(_settings_members(settings))


def _times(settings: Mapping[str, Any]) -> str:
    often = settings["every"] or _("{often}, or more often where a program asks for it", often=USUAL)
    if not settings["windows"]:
        awake = window(AWAKE[0])
        return _(
            "every {often}, in the program's working hours (or {awake} where it has none)", often=often, awake=awake
        )
    zone = settings["timezone"] or _("{zone}, this computer's zone", zone=local_zone() or UTC)
    windows = ", ".join(map(window, settings["windows"]))
    return _("every {often}, {windows} ({zone})", often=often, windows=windows, zone=zone)


def _settings_members(settings: Settings) -> dict[str, Any]:
    return {
        "scheduler": settings.scheduler,
        "every": settings.every or None,
        "windows": list(settings.windows),
        "timezone": settings.timezone or None,
        "only": list(settings.only),
        "skip": list(settings.skip),
        "variables": list(settings.environment),
        "since": to_text(settings.since),
    }


def _program_lines(one: Mapping[str, Any], *, scheduled: bool) -> list[str]:
    check = one["last_check"]
    last = _("no whole check yet")
    if check:
        last = _("last check {time}: {verdict}", time=_local(check["at"]), verdict=said(check["verdict"]))
        last += f", {_(fate)}" if (fate := FATES[check["status"]]) else ""
    due = one["next_due"]
    coming = _("next one due {time}", time=_local(due)) if due else _("no hours for the next one")
    lines = [f"  {one['program']}: {last}{f'; {coming}' if scheduled else ''}"]
    changed = map(said, map(printable, one["since_first_check"]))
    return lines + ["    " + _("since the first check: {what}", what=what) for what in changed]


def _check_members(check: rechecks.Check | None) -> dict[str, Any] | None:
    if check is None:
        return None
    fate = {"delivered": check.delivered, "status": check.status}
    return {"at": to_text(check.at), "verdict": check.verdict, **fate}


def _wait_members(wait: rechecks.Wait | None) -> dict[str, str] | None:
    return {"at": to_text(wait.at), "why": wait.why} if wait else None


def _time(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _local(text: str) -> str:
    moment = from_text(text).astimezone(ZoneInfo(local_zone() or UTC))
    return f"{said(DAYS[moment.weekday()])} {moment:%Y-%m-%d %H:%M}"
