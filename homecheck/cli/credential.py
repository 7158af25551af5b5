"""`homecheck credential`: carry a result to somebody else, showing of it what you choose."""

from __future__ import annotations

import json
import secrets
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from homecheck import private_file
from homecheck.cli.asking import agrees
from homecheck.cli.credential_words import Line, claim_lines, visible_lines
from homecheck.cli.enrolments import readable_enrolments
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.enrolment import find as find_enrolment
from homecheck.errors import HomecheckError, Refused, SetupError, StateError
from homecheck.exchange import Http, new_session
from homecheck.holder import FETCH_AGAIN, Held, chosen, collect, fetch_credential, fetch_result, find
from homecheck.holder import present as sign_presentation
from homecheck.key_stores import read_key
from homecheck.locale import ENGLISH, Translator
from homecheck.locale.here import _, here, said
from homecheck.printable import printable
from homecheck.signing import Signer, base64url
from homecheck.standards.rfc_3339 import to_text

WIDTH: Final = 88
NONCE_BYTES: Final = 16
OUTPUT: Final = click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the list.")


@click.group()
def credential() -> None:
    """Carry a result to somebody else, and choose what of it they see.

    The company that has checked your home office vouches for the result with its signature. You decide whether anybody
    sees it, who, and which findings; the company is not told.
    """


@credential.command("list")
@OUTPUT
def list_credentials(output: str) -> int:
    """List the credentials on this computer, one per program."""
    home, now = Home.default(), utc_now()
    found = [(enrolment, _state(home, enrolment, now)) for enrolment in readable_enrolments(home)]
    if output == "json":
        click.echo(json.dumps({"credentials": [_members(*pair) for pair in found]}, ensure_ascii=False, indent=2))
        return 0
    if not found:
        click.echo(_("This computer is not enrolled anywhere, so nobody vouches for it."), err=True)
    for enrolment, state in found:
        click.echo(f"{enrolment.program}: {_sentence(state, here())}")
    return 0


@credential.command()
@click.argument("program")
@OUTPUT
def show(program: str, output: str) -> int:
    """Show everything that the credential of PROGRAM says, and the names by which you choose from it."""
    enrolment, held = _held(program)
    if output == "json":
        click.echo(json.dumps(_members(enrolment, held), ensure_ascii=False, indent=2))
        return 0
    for name, text in (*visible_lines(held.content, here()), *claim_lines(held.content, held.names(), here())):
        click.echo(f"{name:24} {printable(text)}".rstrip())
    command = f"homecheck credential present {program} --help"
    click.echo("\n" + _("To show a part of it: {command}", command=command), err=True)
    return 0


@credential.command()
@click.argument("program", required=False)
def fetch(program: str | None) -> int:
    """Fetch the result of the latest check, and a new credential for it, from the company (default: from each)."""
    home, http, now = Home.default(), new_session(), utc_now()
    enrolments = (find_enrolment(home, program),) if program else readable_enrolments(home)
    if not enrolments:
        click.echo(_("This computer is not enrolled anywhere."), err=True)
    failed = 0
    for enrolment in enrolments:
        try:
            signer = _signer(home, enrolment)
            fetch_result(home, enrolment, signer, http)
            held = fetch_credential(home, enrolment, signer, http, now)
            click.echo(f"{enrolment.program}: {_sentence(held, here())}")
        except HomecheckError as error:
            failed += 1
            why, advice = said(printable(error.message)), said(printable(error.advice))
            click.echo(f"{enrolment.program}: {why}\n  {advice}", err=True)
    return 1 if failed else 0


@credential.command()
@click.argument("program")
@click.option("--disclose", "patterns", multiple=True, metavar="GLOB", help="What to show, like name or 'network.*'.")
@click.option("--for", "audience", required=True, metavar="AUDIENCE", help="Whom it is for, as they call themselves.")
@click.option("--nonce", metavar="TEXT", help="What they gave you, so that they know it is fresh (default: random).")
@click.option("--save", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to write what you hand over.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Write it without being asked.")
def present(program: str, patterns: tuple[str, ...], audience: str, nonce: str | None, save: Path, yes: bool) -> int:
    """Write what you hand over: the parts of the credential of PROGRAM that you choose, signed for one audience.

    Without --disclose only the verdict is shown. The names to choose from: homecheck credential show PROGRAM.
    First you see what would be shown and what not. Nothing is sent.
    """
    home = Home.default()
    enrolment, held = _held(program)
    try:
        wanted = chosen(held, patterns)
    except Refused as error:
        text = _("{why}; it has: {names}", why=said(error.message), names=", ".join(held.names()))
        raise click.UsageError(text) from None
    click.echo(describe(enrolment, held, wanted, audience, save), err=True)
    if not yes and not agrees(_("Write it?")):
        click.echo(_("Nothing was written."), err=True)
        return 1
    nonce = nonce or base64url(secrets.token_bytes(NONCE_BYTES))
    handed_over = sign_presentation(held, wanted, audience, nonce, _signer(home, enrolment), enrolment, utc_now())
    _write(save, handed_over)
    click.echo(save)
    command = f"homecheck verify {save.name} --jwks KEYS"
    click.echo(_("They check it with: {command}", command=command), err=True)
    named = {"company": enrolment.collector_name, "address": f"{enrolment.collector}/v1/jwks"}
    click.echo(_("where KEYS is the key set of {company}: {address}", **named), err=True)
    return 0


def collect_for(home: Home, http: Http, program: str, evidence: str) -> str:
    """Fetch result and credential for evidence that was delivered; return why not, empty when both are here."""
    try:
        enrolment = find_enrolment(home, program)
        return collect(home, enrolment, _signer(home, enrolment), http, utc_now(), evidence)
    except HomecheckError as error:
        return error.message


def describe(enrolment: Enrolment, held: Held, wanted: tuple[str, ...], audience: str, save: Path) -> str:
    """Return everything a person should know before a part of their result is handed over."""
    kept_back = tuple(name for name in held.names() if name not in wanted)
    written = _("This would be written to {file}, for {audience}.", file=save, audience=printable(audience))
    lines = [written, "", _("Always to be seen:")]
    lines += _indented(visible_lines(held.content, here()))
    lines += ["", _("You show, besides:") if wanted else _("You show nothing besides.")]
    lines += _indented(claim_lines(held.content, wanted, here()))
    if kept_back:
        lines += ["", _("You keep back (they cannot find out what it says):")]
        lines += textwrap.wrap(", ".join(kept_back), WIDTH, initial_indent="  ", subsequent_indent="  ")
    told = _(
        "The verdict is that of everything that was checked: where it is worse than what you show, they see that you "
        "keep something back. {company} is told nothing of this. Whoever has the file can pass it on.",
        company=enrolment.collector_name,
    )
    return "\n".join([*lines, "", *textwrap.wrap(told, WIDTH)])


def _held(program: str) -> tuple[Enrolment, Held]:
    home = Home.default()
    enrolment = find_enrolment(home, program)
    held = find(home, enrolment, utc_now())
    if held is None:
        raise StateError(f"{program}: there is no credential here yet", f"{FETCH_AGAIN} {program}")
    return enrolment, held


def _state(home: Home, enrolment: Enrolment, now: datetime) -> Held | StateError | None:
    try:
        return find(home, enrolment, now)
    except StateError as error:
        return error


def _sentence(state: Held | StateError | None, say: Translator = ENGLISH) -> str:
    if state is None:
        return say("none yet. Run the check and send it, or: homecheck credential fetch")
    if isinstance(state, StateError):
        return printable(f"{say.say(state.message)}. {say.say(state.advice)}")
    content = state.content
    return say.plural(
        "verdict {verdict}, valid until {time}, {count} finding to choose from",
        "verdict {verdict}, valid until {time}, {count} findings to choose from",
        len(content.findings),
        verdict=say.say(content.verdict.word),
        time=to_text(content.expires_at),
    )


def _members(enrolment: Enrolment, state: Held | StateError | None) -> dict[str, Any]:
    common = {"program": enrolment.program, "issuer": enrolment.collector}
    if not isinstance(state, Held):
        return {**common, "verdict": None, "message": _sentence(state)}
    content = state.content
    return {
        **common,
        "verdict": content.verdict.word,
        "issued_at": to_text(content.issued_at),
        "expires_at": to_text(content.expires_at),
        "policy": content.policy_digest,
        "holder": content.holder.kid,
        "claims": dict(claim_lines(content, state.names())),
        "message": "",
    }


def _signer(home: Home, enrolment: Enrolment) -> Signer:
    return read_key(home.keys / f"{enrolment.kid}.jwk")


def _indented(lines: Iterable[Line]) -> Iterator[str]:
    return (f"  {name:22} {printable(text)}" for name, text in lines)


def _write(save: Path, data: bytes) -> None:
    try:
        private_file.write(save, data)
    except OSError as error:
        raise SetupError(f"{save}: cannot be written: {error.strerror}", "Choose another --save FILE.") from None
