"""`homecheck collector user`, `token` and `oidc`: who may do what, and how they come in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.cli.collector_options import (
    OUTPUT,
    advise,
    duration,
    moment,
    operator,
    print_json,
    with_database,
)
from homecheck.clock import utc_now

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.tokens import Token

ROLES: Final = ("viewer", "reviewer", "admin", "auditor")


SCOPES: Final = ("read", "watch", "invite", "administer")


@click.group()
def user() -> None:
    """Users: who may look at the dashboard, and who may change something."""


PROGRAM_OF_ROLE = click.option(
    "--program", "program_id", default="", metavar="ID", help="In this program alone. Default: in every program."
)


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@PROGRAM_OF_ROLE
@with_database
def add_user(database: Database, name: str, role: Any, program_id: str) -> None:
    """Add a user: viewer and auditor read, reviewer also invites, admin also revokes."""
    from homecheck.collector import administration
    from homecheck.collector.user_changes import NAME

    if not NAME.fullmatch(name):
        raise click.UsageError(f"{name!r}: a user's name has letters, digits and . _ @ -, at most 100")

    administration.add_user(database, name, role, operator(), utc_now(), program_id)
    advise(f"Next: homecheck collector user link {name}")


@user.command("role")
@click.argument("name")
@click.option("--role", type=click.Choice([*ROLES, "none"]), required=True, help="none: take it away.")
@PROGRAM_OF_ROLE
@with_database
def change_role(database: Database, name: str, role: str, program_id: str) -> None:
    """Give NAME another role. It counts at once, in open sessions and for their API tokens as well."""
    from homecheck.collector import administration

    chosen: Any = None if role == "none" else role
    changed = administration.set_role(database, name, program_id, chosen, operator(), utc_now())
    click.echo(f"{changed.name:30} {changed.words}")


@user.command("list")
@OUTPUT
@with_database
def list_users(database: Database, output: str) -> None:
    """List the users with their roles."""
    from homecheck.collector.store import users
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = users.every(db)
    if output == "json":
        print_json([{"name": one.name, "role": one.roles.get(""), "programs": one.of_programs} for one in found])
    for one in found if output == "text" else ():
        click.echo(f"{one.name:30} {one.words}")


@user.command("link")
@click.argument("name")
@with_database
def link_user(database: Database, name: str) -> None:
    """Print the address where NAME can sign in, once, within 15 minutes."""
    from homecheck.collector import administration

    click.echo(administration.sign_in_link(database, name, operator(), utc_now()))


@user.command("remove")
@click.argument("name")
@with_database
def remove_user(database: Database, name: str) -> None:
    """Remove a user; their sessions end at once."""
    from homecheck.collector import administration

    administration.remove_user(database, name, operator(), utc_now())


@user.command("reset")
@click.argument("name")
@with_database
def reset_user(database: Database, name: str) -> None:
    """Take password and second factor of NAME away, and end their sessions. They sign in with a link again."""
    from homecheck.collector import administration

    administration.reset_user(database, name, operator(), utc_now())
    advise(f"Next: homecheck collector user link {name}")


@click.group()
def token() -> None:
    """API tokens: programs of yours that ask the administration API."""


@token.command("add")
@click.option("--owner", required=True, metavar="NAME", help="Whom it speaks for; it never reaches further than they.")
@click.option("--label", required=True, metavar="TEXT", help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=("read",),
    show_default=True,
    help="What it may; can be repeated.",
)
@click.option("--program", "program_id", default="", metavar="ID", help="In this program alone.")
@click.option("--expires", default="90d", show_default=True, metavar="DURATION", help="At most 366d.")
@with_database
def add_token(
    database: Database, owner: str, label: str, scopes: tuple[str, ...], program_id: str, expires: str
) -> None:
    """Print a new token. It is shown only now; nothing else is printed on stdout."""
    from homecheck.collector import tokens

    life = duration(expires, "--expires")
    click.echo(tokens.add_at_command_line(database, owner, label, scopes, program_id, life, operator()))


@token.command("list")
@click.option("--owner", default="", metavar="NAME", help="Those of one user.")
@OUTPUT
@with_database
def list_tokens(database: Database, owner: str, output: str) -> None:
    """List the tokens, without their secrets."""
    from homecheck.collector.store import tokens
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = tokens.of_owner(db, owner)
    if output == "json":
        print_json([_token_members(one) for one in found])
    for one in found if output == "text" else ():
        state = "counts" if one.counts(utc_now()) else "revoked" if one.revoked_at else "too old"
        used = f"used {one.last_used_at:%Y-%m-%d}" if one.last_used_at else "never used"
        click.echo(
            f"{one.id}  {one.owner}: {one.label}; {' '.join(sorted(one.scopes))} in {one.program or 'every program'};"
            f" until {one.expires_at:%Y-%m-%d}, {used}, {state}"
        )


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@with_database
def revoke_token(database: Database, token_id: str) -> None:
    """Let a token count no more, at once."""
    from homecheck.collector import tokens

    tokens.revoke_at_command_line(database, token_id, operator())


@click.group()
def oidc() -> None:
    """Company sign-on: people sign in with their company's account, and their groups give them roles here."""


@oidc.command("set")
@click.option("--issuer", required=True, metavar="URL", help="As the provider calls itself, letter by letter.")
@click.option("--client-id", required=True, metavar="ID", help="What the provider calls this collector.")
@click.option(
    "--client-secret-file",
    "secret_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the client secret alone. It is copied beside the keys; remove the file afterwards.",
)
@click.option("--label", default="your company account", show_default=True, help="What the button says.")
@click.option("--claim-role", "claim", default="groups", show_default=True, metavar="CLAIM", help="Names the groups.")
@click.option("--scope", default="", metavar="TEXT", help="Asked for besides openid, profile and email.")
@click.option(
    "--default-role",
    type=click.Choice(ROLES),
    help="Of everybody else at the provider. Default: none, and nobody else comes in.",
)
@click.option(
    "--map", "maps", multiple=True, metavar="GROUP=ROLE[@PROGRAM]", help="What a group gives; can be repeated."
)
@with_database
def set_oidc(database: Database, secret_file: Path, default_role: Any, maps: tuple[str, ...], **texts: Any) -> None:
    """Set company sign-on up: OpenID Connect, the code flow with PKCE. Register COLLECTOR_URL/oidc/callback there."""
    from homecheck.collector import sign_on_accounts
    from homecheck.collector.store.sign_on import SignOn

    meanings = tuple(_meaning(one) for one in maps)
    chosen = SignOn(**texts, default_role=default_role, meanings=meanings)
    secret = secret_file.read_text(encoding="utf-8").strip()
    sign_on_accounts.set_up(database, chosen, secret, operator(), utc_now())
    if not meanings and default_role is None:
        advise("No group has a role yet, so nobody can sign in this way: give --map GROUP=ROLE.")


@oidc.command("show")
@OUTPUT
@with_database
def show_oidc(database: Database, output: str) -> None:
    """Show the provider and what its groups mean; never the secret."""
    from homecheck.collector.store import sign_on
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = sign_on.read(db)
    if output == "json":
        members = vars(found) | {"meanings": [vars(one) for one in found.meanings]} if found else None
        print_json(members)
    else:
        click.echo(found.words if found else "company sign-on is not set up")


@oidc.command("remove")
@with_database
def remove_oidc(database: Database) -> None:
    """Have no company sign-on any more: the roles that groups gave end, and the sessions with them."""
    from homecheck.collector import sign_on_accounts

    sign_on_accounts.remove(database, operator(), utc_now())


def _meaning(text: str) -> Any:
    from homecheck.collector.store.sign_on import Meaning

    group, _, given = text.rpartition("=")
    role, _, program_id = given.partition("@")
    if not group or role not in ROLES:
        raise click.UsageError(f"--map {text!r:.80}: write GROUP=ROLE or GROUP=ROLE@PROGRAM")
    known: Any = role
    return Meaning(group, known, program_id)


def _token_members(one: Token) -> dict[str, Any]:
    return {
        **{name: getattr(one, name) for name in ("id", "owner", "label", "program")},
        "scopes": sorted(one.scopes),
        **{name: moment(getattr(one, name)) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")},
    }
