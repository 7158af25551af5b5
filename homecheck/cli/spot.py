"""`check --spot`: waiting for a moment within working hours that nobody can foresee, and whom the check is then for."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

import click

from homecheck.cli.check_options import CheckOptions
from homecheck.cli.chosen_programs import chosen_programs
from homecheck.cli.schedule_words import window
from homecheck.cli.selection import build_probes
from homecheck.cli.terminal import console
from homecheck.config import Home
from homecheck.enrolment import load_enrolments, refresh_policy
from homecheck.locale.here import N_, _, plural
from homecheck.measurement import CheckSetup, Target
from homecheck.policy import DEFAULT_POLICY, Policy, load_policy
from homecheck.shares import targets_of
from homecheck.shift import Shift
from homecheck.spot import Waiting, possible
from homecheck.upload import new_session

LONGEST: Final = timedelta(days=7)
NOTHING: Final = N_("Nothing was measured.")
OVER: Final = N_("Spot check: the working hours are over, or were changed. Nothing is kept, and nothing is sent.")
NO_SHIFT: Final = N_(
    "--spot measures in working hours, and no policy names any ({names}). The policy needs, for example:"
)
EXAMPLE: Final = """

[shift]
timezone = "Europe/Stockholm"
windows = ["Mon-Fri 18:00-22:00"]"""


def after_waiting(options: CheckOptions, home: Home, waiting: Waiting | None = None) -> CheckOptions | None:
    """Wait for the moment and return the options of the check to make then: for the programs whose people work.

    None, and a line that says so, when nothing is to be measured. What is wrong with the options is found before the
    waiting begins: click.UsageError, SetupError, PolicyError.
    """
    waiting = waiting or Waiting()
    within, needed = timedelta(seconds=options.spot or 0), timedelta(seconds=options.listen)
    if within > LONGEST:
        raise click.UsageError(_("--spot: at most 7d; let the system start it more often."))
    build_probes(CheckSetup(targets=_targets(options, home)), options.only, options.skip)
    with _ended_in_order():
        shifts = _shifts(options, home)
        given, hours = list(shifts.values()), ", ".join(map(_words, shifts, shifts.values()))
        if not possible(given, waiting.clock(), within, needed):
            text = N_("the next {length} leave no room for one in the working hours ({hours}).")
            _say(f"{_(text, length=_length(within), hours=hours)} {_(NOTHING)}")
            return None
        text = N_("at a random moment within the next {length}, in the working hours ({hours}).")
        _say(_(text, length=_length(within), hours=hours))
        reached = waiting.reached(given, within, needed)
    now = waiting.clock()
    at_work = [name for name, shift in shifts.items() if reached and shift.holds(now)]
    if not at_work:
        text = N_("this computer slept, or its clock was set, until the working hours were over ({hours}).")
        _say(f"{_(text, hours=hours)} {_(NOTHING)}")
        return None
    return options if options.policy else _for_programs(options, home, at_work)


def _shifts(options: CheckOptions, home: Home) -> Mapping[str, Shift]:
    """Return the working hours of the policies concerned, by the names of policy or program; at least one."""
    policies = _policies(options, home)
    shifts = {name: policy.shift for name, policy in policies.items() if policy.shift}
    if not shifts:
        raise click.UsageError(_(NO_SHIFT, names=", ".join(policies)) + EXAMPLE)
    return shifts


def _policies(options: CheckOptions, home: Home) -> Mapping[str, Policy]:
    enrolments = chosen_programs(options, home)
    if not enrolments:
        policy = load_policy(options.policy or DEFAULT_POLICY)
        return {policy.name: policy}
    if not options.no_upload:  # a program may have set its hours since the last check
        http = new_session()
        enrolments = [refresh_policy(enrolment, home, http) for enrolment in enrolments]
    return {enrolment.program: enrolment.policy for enrolment in enrolments}


def _targets(options: CheckOptions, home: Home) -> tuple[Target, ...]:
    """Return what --only and --skip may name beside the probes: the targets of the policies as they are stored."""
    enrolments = chosen_programs(options, home)
    return targets_of(enrolments, [] if enrolments else [load_policy(options.policy or DEFAULT_POLICY)])


def _for_programs(options: CheckOptions, home: Home, names: Iterable[str]) -> CheckOptions | None:
    """Return the options for these programs, as far as the person has not left them while the computer waited."""
    enrolled = {found.program for found in load_enrolments(home)}
    if chosen := tuple(name for name in names if name in enrolled):
        return replace(options, program=chosen)
    _say(_("this computer has left the program meanwhile.") + " " + _(NOTHING))
    return None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end this as Ctrl-C does: one word, and exit status 1."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _words(name: str, shift: Shift) -> str:
    return f"{name}: {', '.join(map(window, shift.windows))} {shift.timezone}"


def _length(within: timedelta) -> str:
    seconds = round(within.total_seconds())
    if seconds < 120:
        return plural("{count} second", "{count} seconds", seconds)
    if seconds < 120 * 60:
        return plural("{count} minute", "{count} minutes", round(seconds / 60))
    return plural("{count} hour", "{count} hours", round(seconds / 3600))


def _say(text: str) -> None:
    console().print(_("Spot check: {text}", text=text), markup=False)
