"""`homecheck collector program`: what people are invited to, and the policies that it has had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from homecheck.cli.collector_options import (
    OUTPUT,
    advise,
    operator,
    print_json,
    with_database,
)
from homecheck.clock import utc_now
from homecheck.collector.program_defaults import PURPOSE, RETENTION_DAYS

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.programs import PolicyVersion, Program


@click.group()
def program() -> None:
    """Programs: what people are invited to, and the policy they are measured against."""


@program.command("add")
@click.argument("program_id", metavar="ID")
@click.option("--policy", "policy_name", required=True, metavar="NAME|FILE", help="A preset or a policy file.")
@click.option("--title", help="What candidates see. Default: the policy's title.")
@click.option("--purpose", default=PURPOSE, help="What the results are used for; candidates read it.")
@click.option("--retention-days", type=click.IntRange(1, 3660), default=RETENTION_DAYS, show_default=True)
@with_database
def add_program(
    database: Database, program_id: str, policy_name: str, title: str | None, purpose: str, retention_days: int
) -> None:
    """Add a program. ID is a short word of small letters and digits, with - and _ between them."""
    from homecheck.collector import administration
    from homecheck.collector.program_changes import ID

    if not ID.fullmatch(program_id):
        raise click.UsageError(f"{program_id!r}: an ID has small letters and digits, with - and _ between, at most 64")

    policy, source = _load_policy(policy_name)
    added = administration.add_program(
        database,
        program_id,
        title or policy.title or program_id,
        purpose,
        retention_days,
        policy,
        operator(),
        utc_now(),
        source,
    )
    click.echo(f"{added.id}: {added.title}, policy {policy.name} version {policy.version}")
    advise(f'Next: homecheck collector invite {added.id} --person "Name"')


@program.command("policy")
@click.argument("program_id", metavar="ID")
@click.option("--policy", "policy_name", required=True, metavar="NAME|FILE", help="A preset or a policy file.")
@with_database
def change_policy(database: Database, program_id: str, policy_name: str) -> None:
    """Publish another policy. What was judged before keeps its verdict; older policies stay as history."""
    from homecheck.collector import administration

    policy, source = _load_policy(policy_name)
    version, remark = administration.publish_policy(database, program_id, policy, operator(), utc_now(), source)
    click.echo(f"{program_id}: policy {policy.name} version {policy.version} is number {version.number} here")
    if remark:
        advise(remark)


@program.command("describe")
@click.argument("program_id", metavar="ID")
@click.option("--title", help="What candidates see.")
@click.option("--purpose", help="What the results are used for; candidates read it.")
@click.option(
    "--retention-days", type=click.IntRange(1, 3660), help="How long results are kept; what is older is deleted."
)
@with_database
def describe_program(
    database: Database, program_id: str, title: str | None, purpose: str | None, retention_days: int | None
) -> None:
    """Give a program another title, purpose or retention. What is not named stays."""
    from homecheck.collector import administration

    if title is None and purpose is None and retention_days is None:
        raise click.UsageError("name what is to change: --title, --purpose or --retention-days")
    one = administration.describe_program(
        database,
        program_id,
        operator(),
        utc_now(),
        title=title,
        purpose=purpose,
        retention_days=retention_days,
    )
    click.echo(f"{one.id}: {one.title}, kept {one.retention_days} days")
    if retention_days is not None:
        advise("What is older is deleted by the collector that serves, within the hour.")


@program.command("four-eyes")
@click.argument("program_id", metavar="ID")
@click.argument("wanted", metavar="on|off", type=click.Choice(["on", "off"]))
@with_database
def four_eyes(database: Database, program_id: str, wanted: str) -> None:
    """Say whether one proposes a waiver and somebody else approves it. Off: whoever may invite approves at once."""
    from homecheck.collector import administration

    administration.set_four_eyes(database, program_id, wanted == "on", operator(), utc_now())
    advise(f"{program_id}: a waiver needs {'two people' if wanted == 'on' else 'one person'}")


@program.command("language")
@click.argument("program_id", metavar="ID")
@click.argument("code", metavar="en|sv|es")
@with_database
def language(database: Database, program_id: str, code: str) -> None:
    """Say in which language letters are written to people whose invitation names no other."""
    from homecheck.collector import administration

    one = administration.set_language(database, program_id, code, operator(), utc_now())
    advise(f"{program_id}: letters are written in {one.language}")


@program.command("list")
@OUTPUT
@with_database
def list_programs(database: Database, output: str) -> None:
    """List the programs."""
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = programs.every(db)
    if output == "json":
        print_json([_program_members(one) for one in found])
    elif not found:
        advise("There is no program yet: homecheck collector program add ID --policy voice-standard")
    for one in found if output == "text" else ():
        click.echo(f"{one.id:20} {one.title}  ({one.policy.name} version {one.policy.version})")


@program.command("show")
@click.argument("program_id", metavar="ID")
@OUTPUT
@with_database
def show_program(database: Database, program_id: str, output: str) -> None:
    """Show a program, and every policy that it has had."""
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        one, history = programs.get(db, program_id), programs.history(db, program_id)
    if output == "json":
        print_json(
            {
                **_program_members(one),
                "policy": one.policy.members(),
                "history": [_version_members(version) for version in history],
            }
        )
        return
    click.echo(f"{one.id}: {one.title}")
    click.echo(one.purpose)
    click.echo(f"results are kept for {one.retention_days} days")
    click.echo(f"letters are written in {one.language}")
    click.echo(f"a waiver needs {'two people' if one.four_eyes else 'one person'}")
    for version in history:
        mark = "now" if version.number == one.current.number else "   "
        click.echo(
            f"{mark} {version.number:3}  {version.policy.name} version {version.policy.version}"
            f"  since {version.published_at:%Y-%m-%d %H:%M} UTC, by {version.published_by}"
        )


def _load_policy(name: str) -> tuple[Any, str]:
    """Return a policy and its text."""
    from homecheck.cli.policy import policy_source
    from homecheck.policy import load_policy

    return load_policy(name), policy_source(name)


def _program_members(one: Program) -> dict[str, Any]:
    names = ("id", "title", "purpose", "retention_days", "language", "four_eyes")
    members = {name: getattr(one, name) for name in names}
    return {**members, "policy": _version_members(one.current)}


def _version_members(version: PolicyVersion) -> dict[str, Any]:
    from homecheck.standards.rfc_3339 import to_text

    return {
        "number": version.number,
        "name": version.policy.name,
        "version": version.policy.version,
        "digest": version.policy.digest,
        "published_at": to_text(version.published_at),
        "published_by": version.published_by,
    }
