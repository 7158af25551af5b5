"""What is stored about a person, for people: as text, and as one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck.locale import ENGLISH, N_, Translator
from homecheck.printable import printable

Value = float | int | str | bool | None
Row = Mapping[str, Value]
TITLES: Final = {
    "devices": (N_("Your computers"), N_("Each has one key, which signs what it sends.")),
    "invitations": (N_("Your invitations"), N_("Of a code only a hash is stored.")),
    "letters": (N_("Letters to you"), N_("When, and whether they left. Their text is not stored.")),
    "calls": (N_("Calls to your telephone"), N_("No code of a call is stored, and no sound.")),
    "checks": (
        N_("Your checks"), N_("What your computer signed is stored byte for byte, with the receipt that you have.")
    ),
    "findings": (N_("What was found in them"), N_("One line for each requirement of the policy.")),
    "concerns": (N_("What lists show"), N_("What was not plainly met in the latest check, by how much (margin).")),
    "results": (N_("Signed results"), N_("What the company says about a check, for you to show.")),
    "waivers": (N_("Waivers"), N_("What you were let off, why, and until when.")),
    "events": (N_("What happened"), N_("Names of the company's people are left out: they have the same right as you.")),
}  # fmt: skip
NOTHING: Final = N_("nothing")
MOST_COLUMNS: Final = 7  # which a table can have that people read; of what has more, each row becomes a list
MOST_OPEN: Final = 3  # of such rows, that are shown without a click
TOLD_FIRST: Final = (  # of such a row: when, and what came of it
    "at", "received_at", "enrolled_at", "approved_at", "proposed_at", "kind", "verdict", "quantity",
)  # fmt: skip


def stored_text(
    program: Row, person: Row, parts: Mapping[str, tuple[Row, ...]], as_of: str, say: Translator = ENGLISH
) -> str:
    """Return everything as text, one value a line; nothing in it can steer a terminal."""
    named = {"person": person.get("name"), "program": program.get("title"), "time": as_of}
    lines = [say.fill("What is stored about {person} in {program}, as of {time}", **named), ""]
    lines += _values({f"program {name}": value for name, value in program.items()}, say)
    lines += _values(person, say)
    for name, rows in parts.items():
        title, words = TITLES[name]
        lines += ["", f"{say(title)}: {len(rows) or say(NOTHING)}", f"  {say(words)}"]
        for row in rows:
            lines += ["", *_values(row, say)]
    return "\n".join(printable(line) for line in lines)


def stored_page(
    program: Row, person: Row, parts: Mapping[str, tuple[Row, ...]], as_of: str, say: Translator = ENGLISH
) -> str:
    """Return everything as a page. What comes from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("homecheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"shown": partial(shown, say=say), "heading": partial(_heading, say=say)}
    environment.globals |= {"_": say, "language": say.language, "fill": say.fill}
    environment.globals |= {"most_columns": MOST_COLUMNS, "most_open": MOST_OPEN, "summary": partial(_summary, say=say)}
    page = environment.get_template("stored.html")
    return page.render(program=program, person=person, parts=parts, as_of=as_of, titles=TITLES, columns=_columns)


def shown(value: Value, say: Translator = ENGLISH) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return "–"
    return say({True: "yes", False: "no"}[value]) if isinstance(value, bool) else say.say(str(value))


def _values(row: Row, say: Translator) -> Iterator[str]:
    return (f"  {_heading(name, say):22} {shown(value, say)}" for name, value in row.items())


def _heading(name: str, say: Translator) -> str:
    """Return a member's name with spaces, in the reader's language where that is known."""
    return say.say(name.replace("_", " "))


def _summary(row: Row, say: Translator) -> str:
    """Return what a row is known by: when, and what came of it."""
    told = [shown(row[name], say) for name in TOLD_FIRST if row.get(name) is not None]
    return ", ".join(told) or shown(next(iter(row.values())), say)


def _columns(rows: tuple[Row, ...]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
