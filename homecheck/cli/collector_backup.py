"""`homecheck collector backup` and `restore`: one file that holds everything, and putting it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homecheck.cli.exit_status import REFUSED
from homecheck.clock import utc_now
from homecheck.printable import printable
from homecheck.standards.rfc_3339 import to_text

if TYPE_CHECKING:
    from homecheck.collector.restore import Restored
    from homecheck.collector.store.database import Database


def backup(database: Database, file: Path, by: str, output: str, *, with_keys: bool) -> None:
    """Make a backup and say what is in it."""
    from homecheck.collector.backup import make

    made = make(database, file, by, utc_now(), with_keys=with_keys)
    manifest = made.manifest
    if output == "json":
        files = {one.name: one.sha256 for one in manifest.parts}
        members = {"file": str(file), "bytes": made.size, "log_size": manifest.size, "keys": with_keys, "files": files}
        click.echo(json.dumps(members, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{file}: {made.size} bytes, {manifest.size} entries of the log")
    if with_keys:
        click.echo("It holds the keys: whoever has this file can sign in the collector's name. Encrypt it.", err=True)
    else:
        click.echo("The keys are not in it: back up their folder apart from this file.", err=True)


def restore(database: Database, file: Path, output: str) -> int:
    """Restore a backup, say what it lacks, and return the exit status."""
    from homecheck.collector.restore import restore as put_back

    found = put_back(file, database)
    if output == "json":
        click.echo(json.dumps(_members(database, found), indent=2, ensure_ascii=False))
    else:
        click.echo(f"database  {database.printable_url}, of {found.manifest.made_at:%Y-%m-%d %H:%M} UTC")
        for line in _sentences(found):
            click.echo(line)
    return REFUSED if found.defects else 0


def _sentences(found: Restored) -> list[str]:
    if not found.has_keys:
        return [f"keys      not in this backup: put yours into {found.keys}, then: homecheck collector verify-log"]
    lines = [f"keys      {found.keys}"]
    lines += [f"{one.wrong.upper():10}{printable(one.what)}: {printable(one.message)}" for one in found.defects]
    if not found.defects:
        lines.append("log       everything is as it was written")
    if found.missing:
        lines.append(
            f"MISSING   the last {found.missing} entries: the log has promised them since this backup was made"
        )
        lines.append("          Look for a newer backup first. What to do without one: docs/admin.md, After a restore")
    if found.erased_since:
        lines.append(f"erased    {found.erased_since} people who were erased since: serve will erase them again")
    return lines


def _members(database: Database, found: Restored) -> dict[str, Any]:
    return {
        "database": database.printable_url,
        "made_at": to_text(found.manifest.made_at),
        "log_size": found.manifest.size,
        "keys": str(found.keys),
        "has_keys": found.has_keys,
        "missing": found.missing,
        "erased_since": found.erased_since,
        "defects": [vars(one) for one in found.defects],
    }
