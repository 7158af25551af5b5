"""`homecheck stored`: everything that a company has stored about you."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from homecheck import private_file
from homecheck.config import Home
from homecheck.enrolment import find as find_enrolment
from homecheck.errors import SetupError
from homecheck.exchange import new_session
from homecheck.key_stores import read_key
from homecheck.locale.here import here
from homecheck.stored import Stored, fetch_stored


@click.command(short_help="Show everything a company has stored about you.")
@click.argument("program")
@click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="Form of the answer.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it into FILE.")
def stored(program: str, output: str, save: Path | None) -> int:
    """Ask the company behind PROGRAM for everything that it has stored about you, and until when it keeps it.

    The question is signed with this computer's key, so that nobody else gets the answer.
    """
    home = Home.default()
    enrolment = find_enrolment(home, program)
    found = fetch_stored(enrolment, read_key(home.keys / f"{enrolment.kid}.jwk"), new_session())
    text = _written(found, output)
    if save is None:
        click.echo(text)
        return 0
    try:
        private_file.write(save, f"{text}\n".encode())
    except OSError as error:
        raise SetupError(f"{save}: cannot be written: {error.strerror}", "Choose another --save FILE.") from None
    click.echo(save)
    return 0


def _written(found: Stored, output: str) -> str:
    from homecheck.report.stored import stored_page, stored_text  # here: JSON needs no templates

    if output == "json":
        return json.dumps(_members(found), ensure_ascii=False, indent=2)
    write = stored_page if output == "html" else stored_text
    return write(found.program, found.person, found.parts, found.as_of, here())


def _members(found: Stored) -> dict[str, Any]:
    return {
        "collector": found.issuer,
        "as_of": found.as_of,
        "program": found.program,
        "person": found.person,
        **found.parts,
    }
