"""What has to be done again and again: backups, audits of the log, deleting what is too old.

It is not asked whether some crontab has a line for it, but when it was last done.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from homecheck.collector import backup, retention
from homecheck.collector.doctor.diagnosis import Diagnosis, fail, ok, warn
from homecheck.collector.store import programs, settings, webhooks
from homecheck.collector.store import retention as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.programs import Program
from homecheck.standards.rfc_3339 import from_text

VERIFIED: Final = "verified_at"  # the setting that says when `verify-log` found everything good
DAILY: Final = timedelta(days=2)
PATIENCE: Final = timedelta(minutes=10)  # two tries have failed then
WEEKLY: Final = timedelta(days=8)


def examine_upkeep(db: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield what was done when, and which promises to candidates are not kept."""
    yield _last(
        db, now, "backup", backup.LAST, DAILY, "a backup was made", "homecheck collector backup FILE, daily by a timer"
    )
    yield _last(
        db, now, "verify-log", VERIFIED, WEEKLY, "the log was found good",
        "homecheck collector verify-log, weekly by a timer",
    )  # fmt: skip
    yield _last(
        db, now, "retention", retention.LAST, DAILY, "everything too old was deleted",
        "`serve` does it every hour: is it running, and what does its log say? By hand: collector purge --expired",
    )  # fmt: skip
    yield from _backlog(db, now)
    yield from _webhooks(db, now)
    yield from _programs(programs.every(db))


def _last(db: Connection, now: datetime, name: str, setting: str, longest: timedelta, what: str, fix: str) -> Diagnosis:
    at = settings.find(db, setting)
    if at is None:
        return warn(name, f"it is not on record that {what}", fix)
    text = f"{what} {_ago(now - from_text(at))}"
    return warn(name, text, fix) if now - from_text(at) > longest else ok(name, text)


def _ago(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"


def _backlog(db: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield programs that keep what they promised to have deleted a day ago."""
    for one in store.due(db, now - timedelta(days=1)):
        if not one.nothing:
            text = f"{one.program}: {one.evidence} checks and {one.people} people are older than {one.days} days"
            yield fail("retention-backlog", text, "homecheck collector purge --expired")


def _webhooks(db: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield receivers that have taken nothing since before the second try, or want nothing more."""
    found = webhooks.every(db)
    for one in found:
        waits = webhooks.outstanding(db, one.id)
        if one.standing == "gone":
            fix = f"homecheck collector webhook remove {one.id}; if it is there again, add it anew."
            yield warn("webhooks", f"{one.id} answered that it wants nothing more", fix)
        elif waits.since is not None and now - waits.since > PATIENCE:
            since = f"the oldest of {waits.since:%Y-%m-%d %H:%M} UTC"
            text = f"{one.id} has not taken {waits.refused} of its messages, {since}: {waits.error}"
            yield warn("webhooks", text, f"homecheck collector webhook messages {one.id}")
        else:
            yet = f", {waits.refused} of them tried and not taken yet: {waits.error}" if waits.refused else ""
            yield ok("webhooks", f"{one.id} has {waits.waiting} messages waiting{yet}")


def _programs(found: list[Program]) -> Iterator[Diagnosis]:
    if not found:
        yield warn("programs", "there is no program", "homecheck collector program add ID --policy voice-standard")
    for one in found:
        if one.policy.recheck_every() > timedelta(days=one.retention_days):
            text = f"{one.id}: results are deleted after {one.retention_days} days, before the next check is due"
            yield warn("retention-recheck", text, "Give it a longer retention, or a policy with a shorter recheck.")
