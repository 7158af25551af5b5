"""`homecheck collector verify-log`: is the database as it was written?"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.cli.exit_status import REFUSED
from homecheck.clock import utc_now
from homecheck.errors import Refused, SetupError
from homecheck.printable import printable
from homecheck.standards.rfc_3339 import to_text

if TYPE_CHECKING:
    from homecheck.checkpoint import Checkpoint
    from homecheck.collector.audit import Audit, Trusted
    from homecheck.collector.store.database import Connection, Database
    from homecheck.signed_note import NoteKey

MAX_CHECKPOINT: Final = 200_000  # bytes of a file that holds one


def verify_log(database: Database, jwks: str | None, log_key: str | None, files: tuple[Path, ...], output: str) -> int:
    """Verify the database, print what was found, and return the exit status."""
    from homecheck.collector.audit import audit
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        trusted = _trusted(database, db, jwks, log_key, files)
        found = audit(db, trusted)
        if not found.defects:
            _note(db)
    if output == "json":
        click.echo(json.dumps(_members(found, trusted.log), indent=2, ensure_ascii=False))
    else:
        _print(found, trusted.log)
    return REFUSED if found.defects else 0


def _note(db: Connection) -> None:
    """Keep on record, for `collector doctor`, that everything was good; a database that is only read does without."""
    from homecheck.collector.doctor.upkeep import VERIFIED
    from homecheck.collector.store import settings
    from homecheck.collector.store.failures import NotStored

    with suppress(NotStored):
        settings.write(db, VERIFIED, to_text(utc_now()))


def _trusted(
    database: Database, db: Connection, jwks: str | None, log_key: str | None, files: tuple[Path, ...]
) -> Trusted:
    """Return the keys, from beside the database or as they are given, and the checkpoints that were kept."""
    from homecheck.cli.verify import read_jwks
    from homecheck.collector import keys, log_memory
    from homecheck.collector.audit import Trusted
    from homecheck.collector.store import settings
    from homecheck.signed_note import NoteKey
    from homecheck.signing import RECEIPT

    chosen = settings.read(db)
    vkey = log_key or chosen.log_key
    try:
        log = NoteKey.from_vkey(vkey) if vkey else None
    except Refused as error:
        raise SetupError(
            f"the log's key: {error.message}", "Give it with --log-key, as the collector shows it."
        ) from None
    checkpoints = {str(file): _checkpoint(file, log) for file in files}
    folder = chosen.keys_folder(database)
    if jwks is not None:
        given = {kid: one.key for kid, one in read_jwks(jwks).items() if RECEIPT in one.signs}
        return Trusted(given, log, checkpoints)
    signer = keys.read(folder).signer.public
    if log is not None and (kept := log_memory.remembered(folder, log)) is not None:
        checkpoints[str(folder / log_memory.FILE)] = kept
    return Trusted({signer.kid: signer}, log, checkpoints)


def _checkpoint(file: Path, key: NoteKey | None) -> Checkpoint:
    """Return the checkpoint in a file: a signed note, or a proof that ends with one. SetupError for anything else."""
    from homecheck.checkpoint import open_checkpoint
    from homecheck.tlog_proof import FIRST_LINE

    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_CHECKPOINT).decode("utf-8")
        if key is None:
            raise Refused("checkpoint", "the log has never signed anything")
        return open_checkpoint(text.partition("\n\n")[2] if text.startswith(FIRST_LINE) else text, key)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror}") from None
    except (Refused, UnicodeDecodeError) as error:
        advice = "Give a checkpoint of this log, or a .tlog-proof file."
        raise SetupError(f"{file}: no checkpoint of this log: {error}", advice) from None


def _members(found: Audit, key: NoteKey | None) -> dict[str, Any]:
    return {
        "good": not found.defects,
        "log": key.vkey if key else None,
        "size": found.size,
        "root": found.root.hex() if found.root else None,
        "entries": dict(found.counts),
        "older_than_the_log": found.older,
        "defects": [vars(one) for one in found.defects],
    }


def _print(found: Audit, key: NoteKey | None) -> None:
    counts = found.counts
    click.echo(
        f"Log          {found.size} entries: {counts['receipt']} receipts, {counts['event']} events,"
        f" {counts['erased']} erased{', ' + str(counts['gap']) + ' gaps' if counts['gap'] else ''}"
    )
    click.echo(f"Key          {key.vkey if key else 'none: this log has never signed anything'}")
    click.echo(f"Root         {found.root.hex() if found.root else 'unknown: entries are missing'}")
    if found.older:
        click.echo(
            f"Older        entries 0 to {found.older - 1} are older than the log, and as fixed as all since it began"
        )
    for one in found.defects:
        click.echo(f"{one.wrong.upper():13}{printable(one.what)}: {printable(one.message)}")
    if not found.defects:
        click.echo("Good         everything is as it was written")
    else:
        click.echo("1 thing is wrong" if len(found.defects) == 1 else f"{len(found.defects)} things are wrong")
