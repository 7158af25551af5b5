"""`homecheck history`: when line and room are bad, by earlier checks on this computer; and forgetting them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from homecheck import drift
from homecheck.config import Home
from homecheck.drift import Difference, Setups
from homecheck.errors import StateError
from homecheck.file_lock import exclusive
from homecheck.history import History, PastRun, clear, load
from homecheck.locale.here import N_, _, here, plural, said
from homecheck.printable import printable
from homecheck.report.history import LINE, ROOM, Column, rows, table
from homecheck.standards.rfc_3339 import to_text

NONE_YET: Final = N_(
    "No earlier runs are kept. Each check keeps its levels; to measure the line or the room several times a day, let "
    "the system run this:"
)
MEASURING: Final = "homecheck check --only 'network*' --only 'room*' --unattended --no-upload"


@click.group(short_help="Show when line and room are bad, by earlier checks.", invoke_without_command=True)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the table.")
@click.pass_context
def history(context: click.Context, output: str) -> None:
    """Show what earlier checks measured, by weekday and time of day: median | worst.

    The levels are kept on this computer, for 90 days at most. They are sent to a program that asks for them, and then
    only after you have agreed.
    """
    if context.invoked_subcommand is not None:
        return
    home = Home.default()
    kept, setups = load(home), drift.load(home)
    if output == "json":
        members = {**history_members(kept), "since_first_check": _drift_members(setups)}
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join([*history_lines(kept), *_drift_lines(setups)]))


@history.command("clear")
def clear_history() -> None:
    """Forget the levels of all earlier checks. Programs then have to wait for new ones."""
    home = Home.default()
    if not home.root.is_dir():
        click.echo(_("There was nothing to forget."))
        return
    with exclusive(home.lock("check")) as alone:
        if not alone:
            raise StateError("a check is running on this computer", "Wait until it has finished; then try again.")
        click.echo(plural("Forgotten: {count} run.", "Forgotten: {count} runs.", clear(home)))


def _drift_members(setups: Mapping[str, Setups]) -> dict[str, list[str]]:
    return {name: [found.words() for found in one.differences()] for name, one in setups.items()}


def _drift_lines(setups: Mapping[str, Setups]) -> list[str]:
    return [_drift_line(name, one, found) for name, one in setups.items() for found in one.differences()]


def _drift_line(program: str, setups: Setups, found: Difference) -> str:
    date, what = f"{setups.first.at:%Y-%m-%d}", said(printable(found.words()))
    return _("Since the first check for {program}, {date}: {what}", program=program, date=date, what=what)


def history_members(kept: History) -> dict[str, Any]:
    """Return everything that the command tells, as JSON members: those of the line, and beside them the room's."""
    line, room = comparable(kept.runs, LINE), comparable(kept.runs, ROOM)
    return {
        **_members(kept.runs, line, LINE),
        "damaged": kept.damaged,
        "far_end": line[-1].source.far_end if line else None,
        "method": line[-1].source.method if line else None,
        "room": {**_members(kept.runs, room, ROOM), "microphone": room[-1].source.microphone if room else None},
    }


def history_lines(kept: History) -> list[str]:
    """Return the tables with what has to be known about them."""
    line, room = comparable(kept.runs, LINE), comparable(kept.runs, ROOM)
    lines = []
    if line:
        title = _("against {far_end}", far_end=line[-1].source.far_end)
        others = _("against another far end, by another method or version")
        lines += _part(kept.runs, line, LINE, title, others)
    if room:
        title = _("of the room, with {microphone}", microphone=printable(room[-1].source.microphone))
        others = _("with another microphone or version")
        lines += [*([""] if line else []), *_part(kept.runs, room, ROOM, title, others)]
    damaged = [plural("Left out: {count} damaged line.", "Left out: {count} damaged lines.", kept.damaged)]
    return [*(lines or [f"{_(NONE_YET)}\n  {MEASURING}"]), *(damaged if kept.damaged else [])]


def _part(
    runs: Sequence[PastRun], shown: Sequence[PastRun], columns: Sequence[Column], title: str, others: str
) -> list[str]:
    """Return one table, with what it shows above it and what it leaves out below."""
    since, until = (_time(run.at)[:10] for run in (shown[0], shown[-1]))
    hidden = len(_with_columns(runs, columns)) - len(shown)
    named = {"title": title, "since": since, "until": until}
    heading = plural(
        "{count} run {title}, {since} to {until}; median | worst, local time",
        "{count} runs {title}, {since} to {until}; median | worst, local time",
        len(shown),
        **named,
    )
    not_shown = plural("Not shown: {count} run {others}.", "Not shown: {count} runs {others}.", hidden, others=others)
    return [
        heading,
        *table(rows(shown, None, columns), columns, here()),
        *([not_shown] if hidden else []),
    ]


def _members(runs: Sequence[PastRun], shown: Sequence[PastRun], columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "runs": len(shown),
        "others": len(_with_columns(runs, columns)) - len(shown),
        "since": _time(shown[0].at) if shown else None,
        "until": _time(shown[-1].at) if shown else None,
        "rows": [row.members() for row in rows(shown, None, columns)],
    }


def comparable(runs: Sequence[PastRun], columns: Sequence[Column]) -> list[PastRun]:
    """Return the runs that may be compared with the newest one: same probe, version and source."""
    found = _with_columns(runs, columns)
    return [run for run in found if _kind(run) == _kind(found[-1])]


def _kind(run: PastRun) -> tuple[object, ...]:
    return run.probe, run.version, run.source


def _with_columns(runs: Iterable[PastRun], columns: Iterable[Column]) -> list[PastRun]:
    names = {one.quantity for one in columns}
    return [run for run in runs if names & run.levels.keys()]


def _time(at: int) -> str:
    return to_text(datetime.fromtimestamp(at, UTC))
