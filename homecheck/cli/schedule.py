"""`homecheck schedule`: re-checks that look after themselves."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from homecheck import durable, rechecks
from homecheck.cli.enrolments import readable_enrolments
from homecheck.cli.schedule_run import run_round
from homecheck.cli.schedule_words import schedule_lines, schedule_members, times, window
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.durations import parse_duration
from homecheck.enrolment import Enrolment
from homecheck.errors import SetupError, StateError
from homecheck.local_zone import local_zone
from homecheck.locale.here import N_, _, said
from homecheck.printable import printable
from homecheck.rounds import plans
from homecheck.schedule import next_due, share_of
from homecheck.schedule_settings import NAMES, QUARTER, Settings, load, store
from homecheck.session_environment import carried, missing, user_number
from homecheck.timers.chosen import Timer, choose, timer, usual
from homecheck.timers.job import job_for

NO_HOURS: Final = N_("{program}: its working hours ({hours}) and yours leave no room for a check within nine days")


@click.group(short_help="Have this computer checked again by itself, in working hours.")
def schedule() -> None:
    """Have this computer checked again by itself, in working hours, as often as the program asks.

    A timer of the system starts homecheck every quarter of an hour; homecheck says whether it is time, waits while
    somebody talks or the computer runs on its battery, and says nothing while nothing has changed.
    """


@schedule.command(short_help="Start re-checks, or change them.")
@click.option("--every", metavar="DURATION", default="", help="How often (default: 7d, or what a program asks for).")
@click.option(
    "--window",
    "windows",
    multiple=True,
    metavar="WINDOW",
    help='Only then, e.g. "Mon-Fri 18:00-22:00", and only within the program\'s hours.',
)
@click.option("--timezone", metavar="ZONE", default="", help="Zone of --window (default: this computer's).")
@click.option("--with", "scheduler", type=click.Choice(NAMES), help="What starts it (default: what is there).")
@click.option("--only", multiple=True, metavar="GLOB", help="Only probes or quantities that match, as for check.")
@click.option("--skip", multiple=True, metavar="GLOB", help="Leave out probes or quantities that match.")
@click.option("--print", "printed", is_flag=True, help="Show what would be installed; install nothing.")
def install(
    every: str,
    windows: tuple[str, ...],
    timezone: str,
    scheduler: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    printed: bool,
) -> int:
    """Have this computer checked again by itself. The same command again changes nothing; another one replaces it."""
    home = Home.default()
    enrolments = _enrolments(home)
    chosen = timer(scheduler) if scheduler else choose(usual())
    before = _earlier(home)
    share = share_of(enrolments[0].kid)
    try:
        settings = Settings(
            scheduler=chosen.name,
            minute=before.minute if before else int(share * QUARTER),
            since=before.since if before else utc_now(),
            every=every,
            windows=windows,
            timezone=timezone,
            only=only,
            skip=skip,
            environment=carried(os.environ),
        )
    except ValueError as error:
        raise click.UsageError(said(str(error))) from None
    job = job_for(home, settings.minute)
    if printed:
        click.echo(chosen.shown(job).rstrip("\n"))
        return 0
    _refuse_no_hours(settings, enrolments)
    if settings == before and chosen.is_installed(job):
        click.echo(_("Nothing to change: {times}", times=times(settings)))
        return 0
    _install(home, settings, before, chosen)
    click.echo(_("Installed with {timer}: {times}", timer=chosen.name, times=times(settings)))
    _warn(settings, enrolments)
    if settings.environment:
        names = ", ".join(settings.environment)
        text = _("Re-checks are given what is set here just now: {names}. If that changes, install again.", names=names)
        click.echo(text, err=True)
    click.echo(_("How it stands: homecheck schedule status · no more of it: homecheck schedule remove"), err=True)
    return 0


@schedule.command(short_help="End re-checks, without a trace.")
def remove() -> int:
    """End re-checks. What `install` put into the system is taken out again; other people's lines stay as they are."""
    gone = remove_timer(Home.default())
    named = ", ".join(gone.places)
    if gone.places or not gone.errors:
        click.echo(_("Removed from {timers}.", timers=named) if named else _("There was nothing to remove."))
    gone.complain()
    return 0


@dataclass(frozen=True)
class Gone:
    """Where re-checks were taken out of, timers or else the file with the settings; and which timers did not let go."""

    places: tuple[str, ...]
    errors: tuple[SetupError, ...]

    def complain(self) -> None:
        """Raise SetupError with all that timers said when they did not let go."""
        if self.errors:
            raise SetupError(". ".join(said(error.message).rstrip(".") for error in self.errors), self.errors[0].advice)


def remove_timer(home: Home) -> Gone:
    """Forget re-checks, then take them out of the system; a timer that does not answer holds up nothing else."""
    settings, there = _earlier(home), home.schedule.exists()
    for path in (home.schedule, home.rechecks):
        durable.remove(path)
    named = [timer(settings.scheduler)] if settings else []
    others = [one for one in usual() if one.name not in {found.name for found in named}]
    removed, errors = [], []
    for one in (*named, *others):
        try:
            if one.remove(job_for(home, settings.minute if settings else 0)):
                removed.append(one.name)
        except SetupError as error:
            if one in named or one.is_there():  # one that is not there, and was not asked for, holds nothing
                errors.append(error)
    kept = [printable(str(home.schedule))] if there else []
    return Gone(tuple(removed or kept), tuple(errors))


@schedule.command(short_help="Show whether re-checks run, the last one, and the next.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the report.")
def status(output: str) -> int:
    """Show how often and when this computer is checked again, what became of it, and why it waits.

    Exit status: 0 · 1 re-checks are wanted, but the system's timer does not have them, or their settings are damaged.
    """
    home = Home.default()
    settings = _earlier(home)
    there = settings is None or _is_installed(home, settings)
    members = schedule_members(home, utc_now())
    if settings is not None:
        members["timer_installed"] = there
    if output == "json":
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(schedule_lines(members)))
        if not there:
            click.echo(_("The timer is missing, or was changed by hand. Run: homecheck schedule install"), err=True)
    return 0 if there and not members["damaged"] else 1


@schedule.command(short_help="Make a re-check if it is time; the timer starts this.")
@click.option("--home", type=click.Path(path_type=Path), help="The folder of state (default: HOMECHECK_HOME).")
def run(home: Path | None) -> int:
    """Send what waits, and make a re-check if it is time. Silent, and ends with 0, unless something has changed.

    Exit status: 0 nothing to tell, or passed · otherwise that of `homecheck check`.
    """
    state = Home.at(home) if home else Home.default()
    os.environ.update(missing(os.environ, user_number()))  # for pactl and the key ring, here and in the check
    wanted = _earlier(state)
    for name, value in wanted.environment.items() if wanted else ():
        os.environ.setdefault(name, value)  # for the way to collectors
    status, lines = run_round(state)
    for line in lines:
        click.echo(line)
    return status


def _earlier(home: Home) -> Settings | None:
    """Return the settings that are there; damaged ones are as good as none to whoever replaces or removes them."""
    try:
        return load(home)
    except StateError:
        return None


def _is_installed(home: Home, settings: Settings) -> bool:
    try:
        return timer(settings.scheduler).is_installed(job_for(home, settings.minute))
    except SetupError as error:
        click.echo(said(error.message), err=True)
        return False


def _enrolments(home: Home) -> tuple[Enrolment, ...]:
    enrolments = readable_enrolments(home)
    if not enrolments:
        advice = "Enrol with the address in your invitation: homecheck enroll URL"
        raise SetupError("this computer is not enrolled anywhere, so nobody asks for checks", advice)
    return enrolments


def _install(home: Home, settings: Settings, before: Settings | None, chosen: Timer) -> None:
    """Store the settings and install the timer; where that fails, what was there before is there again."""
    rechecks.change(home, lambda kept: replace(kept, trouble=None))  # a new beginning needs no pause
    store(home, settings)
    job = job_for(home, settings.minute)
    try:
        chosen.install(job)
    except SetupError:
        if before is None:
            durable.remove(home.schedule)
        else:
            store(home, before)
        if before is None or before.scheduler != chosen.name:
            with suppress(SetupError):  # the first one says what is wrong
                chosen.remove(job)
        raise
    if before is not None and before.scheduler != chosen.name:
        timer(before.scheduler).remove(job)


def _refuse_no_hours(settings: Settings, enrolments: tuple[Enrolment, ...]) -> None:
    """Raise click.UsageError for a program that would never be checked."""
    fresh = replace(settings, since=utc_now())
    for name, plan in plans(fresh, rechecks.Rechecks(), enrolments, local_zone() or "UTC").items():
        if next_due(plan, utc_now()) is None:
            shift = next(one.policy.shift for one in enrolments if one.program == name)
            hours = f"{', '.join(map(window, shift.windows))} {shift.timezone}" if shift else _("none")
            raise click.UsageError(_(NO_HOURS, program=name, hours=hours))


def _warn(settings: Settings, enrolments: tuple[Enrolment, ...]) -> None:
    for one in enrolments:
        if settings.every and parse_duration(settings.every) > one.policy.recheck_every():
            often = {"program": one.program, "often": one.policy.recheck}
            text = _("{program} asks for a check every {often}: yours will come too late.", **often)
            click.echo(text + " " + _("Without --every it comes in time."), err=True)
