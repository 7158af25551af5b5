"""`homecheck policy compare`: what differs between two policies, and what that would do to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from homecheck.appraisal import Verdict
from homecheck.errors import SetupError
from homecheck.numbers import counted
from homecheck.policy import Policy
from homecheck.policy_difference import Change, difference
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.collector.what_if import WhatIf

SHOWN = 20  # people named in the text; JSON has up to 200


def compare(old: Policy, new: Policy, url: str | None, program: str | None, sample: int | None, output: str) -> None:
    """Print the difference, and what stored evidence says to it."""
    changes = difference(old, new)
    found = None if url is None else _tried(old, new, url, program, sample)
    if output == "json":
        document = {"differences": [vars(one) for one in changes], "what_if": found and members(found)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in _lines(changes, found):
        click.echo(printable(line))


def _tried(old: Policy, new: Policy, url: str, program: str | None, sample: int | None) -> WhatIf:
    try:
        from homecheck.collector import setup
        from homecheck.collector.store import programs
        from homecheck.collector.store.database import Database, opened
        from homecheck.collector.what_if import SAMPLE, what_if
    except ModuleNotFoundError as error:
        raise SetupError(
            f"--database needs the package {error.name}", "Install it: pip install 'homecheck[collector]'"
        ) from None
    database = Database.at(url)
    collector = setup.load(database)
    with opened(database) as db:
        if program is None:
            names = [one.id for one in programs.every(db)]
            if len(names) != 1:
                raise SetupError(f"there are {len(names)} programs: {', '.join(names)}", "Name one with --program.")
            program = names[0]
        programs.get(db, program)
        return what_if(collector, db, program, old, new, SAMPLE if sample is None else sample)


def members(found: WhatIf) -> dict[str, Any]:
    """Return what would change as JSON members; numbers are of the people who were judged."""
    share = found.of_all(found.missed)
    return {
        "headline": found.headline,
        "people": found.people,
        "judged": found.judged,
        "unreadable": found.unreadable,
        "would_fail": found.missed,
        "within_uncertainty": found.in_doubt,
        "would_fail_of_all": [share.low, share.high],
        "verdicts": [
            {"before": before.word, "after": after.word, "people": number}
            for (before, after), number in sorted(found.moves.items())
        ],
        "quantities": {
            quantity: [
                {"before": _word(before), "after": _word(after), "people": number}
                for (before, after), number in moves.items()
            ]
            for quantity, moves in found.by_quantity.items()
        },
        "not_asked_before": dict(found.unasked),
        "changed": [
            {
                "person": one.person.name,
                "evidence": one.digest,
                "before": one.before.word,
                "after": one.after.word,
                "quantities": {name: [_word(old), _word(new)] for name, (old, new) in one.moves.items()},
            }
            for one in found.changed
        ],
    }


def _lines(changes: tuple[Change, ...], found: WhatIf | None) -> Iterator[str]:
    yield from (one.sentence for one in changes)
    if not changes:
        yield "The two policies are the same."
    if found is None:
        return
    yield ""
    yield found.headline
    for (before, after), number in sorted(found.moves.items(), reverse=True):
        if before is not after:
            yield f"    {number} would go from {before.word} to {after.word}"
    for quantity, moves in found.by_quantity.items():
        said = ", ".join(f"{number} from {_word(old)} to {_word(new)}" for (old, new), number in moves.items())
        yield f"{quantity}: {said}"
    for quantity, number in found.unasked.items():
        yield f"{quantity}: {counted(number, 'check')} of before hold no value of it; the next check decides"
    if found.unreadable:
        yield f"{counted(found.unreadable, 'check')} could not be judged: see homecheck collector verify-log"
    yield from (f"    {one.person.name}: {one.before.word} -> {one.after.word}" for one in found.changed[:SHOWN])
    if len(found.changed) > SHOWN:
        yield "    and others"


def _word(verdict: Verdict | None) -> str:
    return "not asked" if verdict is None else verdict.word
