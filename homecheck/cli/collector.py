"""`homecheck collector`: the hiring company's side. Set it up, serve, and administer programs, people and users."""

from __future__ import annotations

import functools
import getpass
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.clock import utc_now
from homecheck.durations import parse_duration
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.programs import PolicyVersion, Program

PROGRAM_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
USER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
ROLES: Final = ("viewer", "reviewer", "admin", "auditor")
DEFAULT_PURPOSE: Final = (
    "To see whether your home office meets the requirements of this line of work, and to help you where it does not."
)

OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the output."
)


def with_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --database and call it with the `Database` that it names."""

    def command(context: click.Context, /, *, database: str | None, **options: Any) -> Any:
        from homecheck.collector.setup import default_database
        from homecheck.collector.store.database import Database

        return function(Database.at(database or context.obj or default_database()), **options)

    # In this order: the wrapper takes over the options that the function has already.
    wrapped = functools.update_wrapper(click.pass_context(command), function)
    return click.option("--database", metavar="URL", help="Like sqlite:///file.db. Default: see the group.")(wrapped)


@click.group()
@click.option("--database", metavar="URL", envvar="HOMECHECK_DATABASE_URL", help="Like sqlite:///file.db.")
@click.pass_context
def collector(context: click.Context, database: str | None) -> None:
    """Collect, verify and judge what home offices send.

    The database is named by --database, else by HOMECHECK_DATABASE_URL, else it is collector.db in HOMECHECK_HOME.
    """
    context.obj = database


@collector.command()
@click.option("--name", default="Homecheck collector", show_default=True, help="What candidates see: your company.")
@click.option("--url", help="The address that candidates reach it at, e.g. https://collector.example.com")
@click.option("--responder", "responders", multiple=True, metavar="URL", help="A responder to trust; can be repeated.")
@OUTPUT
@with_database
def init(database: Database, name: str, url: str | None, responders: tuple[str, ...], output: str) -> None:
    """Make the database, the signing key, and a first administrator with a link to sign in once."""
    from homecheck.collector import setup

    pinned = [_fetch_responder(address) for address in responders]  # before anything is made
    made = setup.create(database, name, url, utc_now())
    for address, key in pinned:
        _pin(database, address, key)
    if output == "json":
        _print_json({"url": made.settings.url, "database": database.url, "sign_in": made.sign_in})
        return
    click.echo(f"database  {database.url}")
    click.echo(f"keys      {made.settings.keys_folder(database)}  (back this folder up, apart from the database)")
    click.echo(f"address   {made.settings.url}")
    click.echo(f"sign in   {made.sign_in}  (once, within 24 hours)")
    _advise("Next: homecheck collector program add ID --policy voice-standard, then: homecheck collector serve")


@collector.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8861, show_default=True, help="0: any free one.")
@click.option("--url", help="The address that candidates reach it at, if it is a new one. It is remembered.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="SQLite takes exactly one.")
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key of the certificate, PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front ends TLS and sets X-Forwarded-For and -Proto.")
@with_database
def serve(
    database: Database,
    host: str,
    port: int,
    url: str | None,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
) -> None:
    """Serve until told to stop. Without TLS, and without a proxy that ends it, only this computer is served.

    One line on stdout says where it listens:

        listening on URL
    """
    if workers > 1:
        raise SetupError(f"{workers} workers cannot write into one SQLite database", "Leave --workers away.")
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    try:
        from homecheck.collector import serve as serving
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the collector needs the package {error.name}", "Install it: pip install 'homecheck[collector]'"
        ) from None
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
    chosen = serving.ServeSettings(database, host, port, url, tls, behind_proxy)
    serving.serve(chosen, lambda address: click.echo(f"listening on {address}"))  # which flushes


@collector.group()
def program() -> None:
    """Programs: what people are invited to, and the policy they are measured against."""


@program.command("add")
@click.argument("program_id", metavar="ID")
@click.option("--policy", "policy_name", required=True, metavar="NAME|FILE", help="A preset or a policy file.")
@click.option("--title", help="What candidates see. Default: the policy's title.")
@click.option("--purpose", default=DEFAULT_PURPOSE, help="What the results are used for; candidates read it.")
@click.option("--retention-days", type=click.IntRange(1, 3660), default=180, show_default=True)
@with_database
def add_program(
    database: Database, program_id: str, policy_name: str, title: str | None, purpose: str, retention_days: int
) -> None:
    """Add a program. ID is a short word of small letters, digits and hyphens."""
    if not PROGRAM_ID.fullmatch(program_id):
        raise click.UsageError(f"{program_id!r}: an ID has small letters, digits and hyphens, at most 64")
    from homecheck.collector import administration

    policy = _load_policy(policy_name)
    added = administration.add_program(
        database,
        program_id,
        title or policy.title or program_id,
        purpose,
        retention_days,
        policy,
        _operator(),
        utc_now(),
    )
    click.echo(f"{added.id}: {added.title}, policy {policy.name} version {policy.version}")
    _advise(f'Next: homecheck collector invite {added.id} --person "Name"')


@program.command("policy")
@click.argument("program_id", metavar="ID")
@click.option("--policy", "policy_name", required=True, metavar="NAME|FILE", help="A preset or a policy file.")
@with_database
def change_policy(database: Database, program_id: str, policy_name: str) -> None:
    """Publish another policy. What was judged before keeps its verdict; older policies stay as history."""
    from homecheck.collector import administration

    policy = _load_policy(policy_name)
    version = administration.publish_policy(database, program_id, policy, _operator(), utc_now())
    click.echo(f"{program_id}: policy {policy.name} version {policy.version} is number {version.number} here")


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
        _print_json([_program_members(one) for one in found])
    elif not found:
        _advise("There is no program yet: homecheck collector program add ID --policy voice-standard")
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
        _print_json(
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
    for version in history:
        mark = "now" if version.number == one.current.number else "   "
        click.echo(
            f"{mark} {version.number:3}  {version.policy.name} version {version.policy.version}"
            f"  since {version.published_at:%Y-%m-%d %H:%M} UTC, by {version.published_by}"
        )


@collector.command()
@click.argument("program_id", metavar="PROGRAM")
@click.option("--person", required=True, metavar="NAME", help="Whom it is for. The same name is the same person.")
@click.option("--valid", default="72h", show_default=True, metavar="DURATION", help="Like 24h or 7d.")
@with_database
def invite(database: Database, program_id: str, person: str, valid: str) -> None:
    """Print the address of a new invitation, for one person and one computer. Nothing else is printed on stdout."""
    from homecheck.collector import administration

    click.echo(administration.invite(database, program_id, person, _duration(valid), _operator(), utc_now()))


@collector.group()
def user() -> None:
    """Users: who may look at the dashboard, and who may change something."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@with_database
def add_user(database: Database, name: str, role: Any) -> None:
    """Add a user: viewer and auditor read, reviewer also invites, admin also revokes."""
    if not USER_NAME.fullmatch(name):
        raise click.UsageError(f"{name!r}: a user's name has letters, digits and . _ @ -, at most 100")
    from homecheck.collector import administration

    administration.add_user(database, name, role, _operator(), utc_now())
    _advise(f"Next: homecheck collector user link {name}")


@user.command("list")
@OUTPUT
@with_database
def list_users(database: Database, output: str) -> None:
    """List the users."""
    from homecheck.collector.store import users
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = users.every(db)
    if output == "json":
        _print_json([vars(one) for one in found])
    for one in found if output == "text" else ():
        click.echo(f"{one.name:30} {one.role}")


@user.command("link")
@click.argument("name")
@with_database
def link_user(database: Database, name: str) -> None:
    """Print the address where NAME can sign in, once, within 15 minutes."""
    from homecheck.collector import administration

    click.echo(administration.sign_in_link(database, name, _operator(), utc_now()))


@user.command("remove")
@click.argument("name")
@with_database
def remove_user(database: Database, name: str) -> None:
    """Remove a user; their sessions end at once."""
    from homecheck.collector import administration

    administration.remove_user(database, name, _operator(), utc_now())


@collector.group()
def responder() -> None:
    """Responders: far ends of network measurements whose signed observations count here."""


@responder.command("add")
@click.argument("url")
@with_database
def add_responder(database: Database, url: str) -> None:
    """Ask the responder at URL for its key, and trust that key from now on."""
    from homecheck.collector.setup import clean_url

    address, key = _fetch_responder(clean_url(url))
    _pin(database, address, key)
    click.echo(f"{address} {key.kid}")


@responder.command("list")
@OUTPUT
@with_database
def list_responders(database: Database, output: str) -> None:
    """List the responders with the names of their keys."""
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = programs.responders(db)
    if output == "json":
        _print_json([{"url": one.url, "jwk": one.key.jwk()} for one in found])
    for one in found if output == "text" else ():
        click.echo(f"{one.url} {one.key.kid}")


@responder.command("remove")
@click.argument("url")
@with_database
def remove_responder(database: Database, url: str) -> None:
    """Trust a responder no longer; what it signed before stays marked as it was."""
    from homecheck.collector import administration

    administration.remove_responder(database, url, _operator(), utc_now())


@collector.group()
def device() -> None:
    """Device keys, as the dashboard lists them with each person."""


@device.command("revoke")
@click.argument("kid")
@with_database
def revoke_device(database: Database, kid: str) -> None:
    """Refuse what this device key signs from now on; what was received before stays good."""
    from homecheck.collector import administration

    administration.revoke_device(database, kid, _operator(), utc_now())


def _fetch_responder(url: str) -> tuple[str, Any]:
    from homecheck.collector.responders import fetch_key

    return url, fetch_key(url)


def _pin(database: Database, url: str, key: Any) -> None:
    from homecheck.collector import administration

    administration.pin_responder(database, url, key, _operator(), utc_now())


def _load_policy(name: str) -> Any:
    from homecheck.policy import load_policy

    return load_policy(name)


def _program_members(one: Program) -> dict[str, Any]:
    members = {name: getattr(one, name) for name in ("id", "title", "purpose", "retention_days")}
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


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--valid: {error}") from None


def _operator() -> str:
    """Return who works at this command line, for the record of changes."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (OSError, KeyError):  # a user id without a name, as in containers
        return "operator at the command line"


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _advise(text: str) -> None:
    click.echo(text, err=True)
