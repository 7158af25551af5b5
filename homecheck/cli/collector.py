"""`homecheck collector`: the hiring company's side. Set it up, serve, and administer programs, people and users."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.cli import collector_access
from homecheck.cli.collector_callbacks import callbacks
from homecheck.cli.collector_device import device
from homecheck.cli.collector_mail import mail, zone
from homecheck.cli.collector_options import OUTPUT, advise, duration, operator, print_json, with_database
from homecheck.cli.collector_program import program
from homecheck.cli.collector_responder import fetch_responder, pin, responder
from homecheck.cli.collector_webhook import INSIDE, webhook
from homecheck.clock import utc_now
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from homecheck.collector.outside import Network
    from homecheck.collector.store.database import Database


@click.group()
@click.option(
    "--database",
    metavar="URL",
    envvar="HOMECHECK_DATABASE_URL",
    help="sqlite:///file.db or postgresql://user@host/name.",
)
@click.pass_context
def collector(context: click.Context, database: str | None) -> None:
    """Collect, verify and judge what home offices send.

    The database is named by --database, else by HOMECHECK_DATABASE_URL, else it is collector.db in HOMECHECK_HOME.
    Others on this computer can read command lines: a password belongs into the environment (HOMECHECK_DATABASE_URL,
    PGPASSWORD) or into ~/.pgpass.
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

    ours = setup.clean_url(url) if url else setup.DEFAULT_URL
    pinned = [fetch_responder(address, ours) for address in responders]  # before anything is made
    made = setup.create(database, name, url, utc_now())
    for address, key in pinned:
        pin(database, address, key)
    if output == "json":
        print_json({"url": made.settings.url, "database": database.printable_url, "sign_in": made.sign_in})
        return
    click.echo(f"database  {database.printable_url}")
    click.echo(f"keys      {made.settings.keys_folder(database)}  (back this folder up, apart from the database)")
    click.echo(f"address   {made.settings.url}")
    click.echo(f"sign in   {made.sign_in}  (once, within 24 hours)")
    advise("Next: homecheck collector program add ID --policy voice-standard, then: homecheck collector serve")


@collector.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8861, show_default=True, help="0: any free one.")
@click.option("--url", help="The address that candidates reach it at, if it is a new one. It is remembered.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes; SQLite takes exactly one."
)
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False), help="Certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key of the certificate, PEM.")
@INSIDE
@click.option("--behind-proxy", is_flag=True, help="A proxy in front ends TLS and sets X-Forwarded-For and -Proto.")
@click.option(
    "--metrics-from",
    multiple=True,
    metavar="NETWORK",
    help="Who may read /metrics, like 10.1.0.0/16; can be repeated. Default: this computer, unless --behind-proxy.",
)
@click.option(
    "--metrics-token",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file with a token: whoever sends it as a bearer may read /metrics from anywhere.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the lines on stderr.",
)
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
    metrics_from: tuple[str, ...],
    metrics_token: Path | None,
    log_format: Any,
    inside: tuple[Network, ...],
) -> None:
    """Serve until told to stop. Without TLS, and without a proxy that ends it, only this computer is served.

    One line on stdout says where it listens:

        listening on URL
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    try:
        from homecheck.collector import logs
        from homecheck.collector import serve as serving
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the collector needs the package {error.name}", "Install it: pip install 'homecheck[collector]'"
        ) from None
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
    access = _metrics_access(metrics_from, metrics_token, behind_proxy=behind_proxy)
    chosen = serving.ServeSettings(database, host, port, url, tls, behind_proxy, inside, workers, access, log_format)
    logs.configure(log_format)
    serving.serve(chosen, lambda address: click.echo(f"listening on {address}"))  # which flushes


@collector.command()
@click.option("--database", metavar="URL", help="Where: a new SQLite file's name, or a PostgreSQL server's database.")
@click.option("--reports", type=click.IntRange(1), default=20_000, show_default=True, help="How many are sent.")
@click.option(
    "--devices", type=click.IntRange(1), help="How many home offices send them. Default: as many as it takes."
)
@click.option(
    "--rate", type=click.FloatRange(0.1), help="Reports a second of the open loop. Default: half of the rate found."
)
@click.option("--clients", type=click.IntRange(1, 5_000), default=64, show_default=True, help="Of the closed loop.")
@OUTPUT
def bench(
    database: str | None, reports: int, devices: int | None, rate: float | None, clients: int, output: str
) -> None:
    """Measure what one report costs a collector on this computer, and how long its sender waits.

    A collector of its own is set up beside the file, or on the server, that --database names, and removed again; a
    database that is in use is refused, and HOMECHECK_DATABASE_URL is not looked at. Signed reports of 8 kB with 34
    checks are sent over HTTP: as fast as answers come (reports/s, CPU, fsyncs), then at a fixed rate (waiting times,
    from the moment at which a report was due). Then every acknowledged report is looked up.
    """
    from homecheck.cli import collector_bench
    from homecheck.collector.bench.run import Wanted
    from homecheck.collector.store.database import Database

    where = None if database is None else Database.at(database)
    collector_bench.bench(Wanted(where, reports, devices, clients, rate), output)


def _metrics_access(networks: tuple[str, ...], token: Path | None, *, behind_proxy: bool) -> Any:
    from homecheck.collector.metrics_access import MetricsAccess, read_network, read_token

    try:
        found = tuple(map(read_network, networks))
    except ValueError as error:
        raise click.UsageError(f"--metrics-from: {error}") from None
    return MetricsAccess(not behind_proxy, found, read_token(token) if token else None)


@collector.command()
@click.argument("program_id", metavar="PROGRAM")
@OUTPUT
@with_database
def reappraise(database: Database, program_id: str, output: str) -> None:
    """Judge the latest evidence of everybody in PROGRAM by its policy of today.

    Receipts and older results stay; a new signed result is made where something changed.
    """
    from homecheck.collector.reappraisal import reappraise as judge_again

    found = list(judge_again(database, program_id, operator(), utc_now()))
    if output == "json":
        print_json(
            [
                {"person": one.person.name, "before": one.before.word, "after": one.after.word, "changed": one.changed}
                for one in found
            ]
        )
        return
    for one in found:
        if one.before != one.after:
            click.echo(f"{one.person.name}: {one.before.word} before, {one.after.word} now")
    renewed, verdicts = sum(one.changed for one in found), sum(one.before != one.after for one in found)
    advise(f"{len(found)} judged again: {verdicts} with another verdict, {renewed} new results signed.")


@collector.command()
@click.argument("program_id", metavar="PROGRAM", required=False)
@click.option("--person", metavar="NAME", help="Whom it is for. The same name is the same person.")
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help="Everybody on this list (- is stdin): name, email, phone, program, language.",
)
@click.option("--dry-run", is_flag=True, help="With --csv: read the list, say what would happen, and invite nobody.")
@click.option("--send", is_flag=True, help="With --csv: send a letter to each e-mail address on the list.")
@click.option("--valid", default="72h", show_default=True, metavar="DURATION", help="Like 24h or 7d.")
@click.option("--phone", default="", metavar="NUMBER", help="Number on file for call-backs, like +46 8 123 456 78.")
@click.option("--email", default="", metavar="ADDRESS", help="Send it there instead of printing its address.")
@click.option(
    "--timezone", default="", metavar="ZONE", help="Where they live, like Europe/Stockholm: mail comes by day."
)
@click.option("--lang", "language", default="", metavar="en|sv|es", help="Of the letter. Default: that of the program.")
@with_database
def invite(
    database: Database,
    program_id: str | None,
    person: str | None,
    csv_file: str | None,
    dry_run: bool,
    send: bool,
    valid: str,
    phone: str,
    email: str,
    timezone: str,
    language: str,
) -> None:
    """Print the address of a new invitation, for one person and one computer. Nothing else is printed on stdout.

    With --email the invitation is made when its letter leaves, and is good for a week; the letter's id is printed.

    With --csv everybody on a list is invited, or nobody: the list is printed as CSV with the addresses, which are shown
    this once. A column program is only needed where no PROGRAM is given. E-mail and language are handed back and not
    stored; with --send they are, and the invitation comes there in a letter, in that language, not here.
    """
    if (person is None) == (csv_file is None):
        raise click.UsageError("give either --person NAME or --csv FILE")
    if csv_file is not None:
        if phone or email or timezone or language:
            message = "--phone, --email, --timezone and --lang go with --person; a list has columns of its own"
            raise click.UsageError(message)
        from homecheck.cli import collector_changes

        collector_changes.invite_list(
            database, program_id or "", csv_file, duration(valid), operator(), dry_run=dry_run, by_mail=send
        )
        return
    if dry_run or send or program_id is None or person is None:
        raise click.UsageError("--person needs a PROGRAM, and --dry-run and --send go with --csv")
    if language and not email:
        raise click.UsageError("--lang is the language of a letter: give --email as well")
    from homecheck.collector import administration

    now = utc_now()
    if email:
        from homecheck.collector.store.mail import Contact

        contact = Contact(email, zone(timezone), language)
        click.echo(administration.invite_by_mail(database, program_id, person, operator(), now, contact, phone))
        return
    click.echo(administration.invite(database, program_id, person, duration(valid), operator(), now, phone))


def _of_a_waiver(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what a waiver is made of: for whom, of what, why, and from when until when."""
    for decorate in reversed(
        (
            click.argument("program_id", metavar="PROGRAM"),
            click.option(
                "--person",
                required=True,
                metavar="NAME",
                help="Whom it is for, exactly as the dashboard writes the name.",
            ),
            click.option("--quantity", required=True, metavar="NAME", help="What is waived, like landline.dial_tone."),
            click.option("--reason", required=True, metavar="TEXT", help="Why; it is shown beside the verdict."),
            click.option(
                "--until", required=True, metavar="DAY|DURATION", help="The last day, like 2027-03-03, or like 30d."
            ),
            click.option("--from", "starts", default="", metavar="DAY", help="The first day. Default: from now on."),
        )
    ):
        command = decorate(command)
    return command


@collector.group()
def waiver() -> None:
    """Waivers: approved exceptions for one person and one quantity, with reason, approver and end."""


@waiver.command("add")
@_of_a_waiver
@with_database
def add_waiver(database: Database, **asked: str) -> None:
    """Approve a waiver, for a year at most, and print its name. You are recorded as its approver.

    The verdict stays what it is; beside it stands until when it is waived, and why.
    """
    from homecheck.cli import collector_changes

    collector_changes.add_waiver(database, operator(), **asked)


@waiver.command("list")
@click.argument("program_id", metavar="[PROGRAM]", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="Also those that are over or revoked.")
@OUTPUT
@with_database
def list_waivers(database: Database, program_id: str, everything: bool, output: str) -> None:
    """List the waivers that count or will count, of one program or of all."""
    from homecheck.cli import collector_changes

    collector_changes.list_waivers(database, program_id, output, everything=everything)


@waiver.command("propose")
@_of_a_waiver
@with_database
def propose_waiver(database: Database, **asked: str) -> None:
    """Propose a waiver and print its name. It changes nothing before an administrator has approved it."""
    from homecheck.cli import collector_changes

    collector_changes.propose_waiver(database, operator(), **asked)


@waiver.command("proposals")
@click.argument("program_id", metavar="[PROGRAM]", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="Also those that are decided or have lapsed.")
@OUTPUT
@with_database
def list_proposals(database: Database, program_id: str, everything: bool, output: str) -> None:
    """List the proposed waivers that wait for a decision."""
    from homecheck.cli import collector_changes

    collector_changes.list_proposals(database, program_id, output, everything=everything)


@waiver.command("approve")
@click.argument("proposal_id", metavar="ID")
@with_database
def approve_waiver(database: Database, proposal_id: str) -> None:
    """Approve a proposed waiver: it counts from now on. In a program with four eyes, not one's own."""
    from homecheck.collector import administration, waivers

    one = administration.approve_waiver(database, proposal_id, operator(), utc_now())
    advise(f"{one.person.name}: {one.quantity} is waived until {waivers.day_words(one.last_day)}")


@waiver.command("decline")
@click.argument("proposal_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the dashboard and in the events.")
@with_database
def decline_waiver(database: Database, proposal_id: str, reason: str) -> None:
    """Decline a proposed waiver."""
    from homecheck.collector import administration

    one = administration.decline_waiver(database, proposal_id, reason, operator(), utc_now())
    advise(f"{one.person.name}: {one.quantity} stays as it is.")


@waiver.command("revoke")
@click.argument("waiver_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the dashboard and in the events.")
@with_database
def revoke_waiver(database: Database, waiver_id: str, reason: str) -> None:
    """End a waiver now."""
    from homecheck.collector import administration

    one = administration.revoke_waiver(database, waiver_id, reason, operator(), utc_now())
    advise(f"{one.person.name}: {one.quantity} counts again.")


@collector.group()
def export() -> None:
    """Everything out again."""


TABLES: Final = {
    "people": "Write a table of people: the latest verdict, what is not met, and what it counts as with waivers.",
    "evidence": "Write a table of all checks that were received, in their order.",
    "waivers": "Write a table of all waivers, also of those that are over.",
}


def _table(kind: str, words: str) -> click.Command:
    """Return the command that writes one kind of table."""

    @click.option("--program", "program_id", default="", metavar="ID", help="Of this program. Default: of all.")
    @click.option("--output", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
    @click.option("--file", metavar="FILE", help="Where to, for its owner alone. Default: stdout.")
    @with_database
    def write(database: Database, program_id: str, output: str, file: str | None) -> None:
        from homecheck.cli import collector_changes

        collector_changes.export(database, kind, program_id, output, file)

    write.__doc__ = (
        f"{words}\n\nIt may be served meanwhile; the table may be longer than memory. Texts in CSV that a spreadsheet"
        " would calculate with get an apostrophe in front. Parquet needs pyarrow: pip install 'homecheck[parquet]'."
    )
    return click.command(kind)(write)


for _kind, _words in TABLES.items():
    export.add_command(_table(_kind, _words))


@export.command("audit")
@click.option("--output", type=click.Choice(["jsonl"]), default="jsonl", show_default=True, help="One event a line.")
@with_database
def export_audit(database: Database, output: str) -> None:  # noqa: ARG001 - one form so far, and it has a name
    """Print the record of events, the oldest first, each with its place in the tamper-evident log."""
    from homecheck.collector.audit_export import lines

    for line in lines(database):
        click.echo(line)


@collector.command("verify-log")
@click.option("--jwks", metavar="FILE|URL", help="The collector's public keys. Default: its key beside the database.")
@click.option("--log-key", metavar="VKEY", help="The log's public key. Default: as the database names it.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A checkpoint or .tlog-proof that was kept elsewhere: the log must still agree. Can be repeated.",
)
@OUTPUT
@with_database
def verify_log(
    database: Database, jwks: str | None, log_key: str | None, checkpoints: tuple[Path, ...], output: str
) -> int:
    """Walk the whole database: name every row that was changed, removed, inserted or dated back.

    It may be served meanwhile. Exit status: 0 good · 3 something is wrong · 2 wrong usage · 1 it cannot be read.
    """
    from homecheck.cli import collector_log

    return collector_log.verify_log(database, jwks, log_key, checkpoints, output)


@collector.command()
@click.argument("program_id", metavar="[PROGRAM]", required=False)
@click.option("--person", metavar="NAME", help="Whom to erase from PROGRAM, exactly as the dashboard writes the name.")
@click.option(
    "--proof",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the signed proof of the erasure. Default: a file beside the keys.",
)
@click.option("--expired", is_flag=True, help="Delete what is older than the retention of its program, in all of them.")
@click.option(
    "--month", metavar="YYYY-MM", help="Delete every check of one month, of all programs, by when it was made."
)
@click.option("--dry-run", is_flag=True, help="With --expired or --month: only count it.")
@click.option("--yes", is_flag=True, help="Erase without being asked again.")
@OUTPUT
@with_database
def purge(
    database: Database,
    program_id: str | None,
    person: str | None,
    proof: Path | None,
    expired: bool,
    month: str | None,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Erase one person from a program, or delete what is too old in all of them. It cannot be undone.

    A person: evidence, receipts, keys, calls, events. You get a signed proof for them: homecheck verify FILE. An event
    tells that somebody was erased, and names nobody. --expired: checks and calls older than the retention of their
    program, and people of whom nothing newer is here; `serve` does the same every hour. --month: all checks of a month
    that is over, by the clocks of the devices, whatever their programs promise; the oldest one first. The log still
    verifies.
    """
    from homecheck.cli import collector_purge

    if (expired, month is not None, person is not None).count(True) != 1 or (program_id is None) != (person is None):
        raise click.UsageError('say what: PROGRAM --person "NAME"; all that is too old: --expired; or --month YYYY-MM')
    if month is not None:
        collector_purge.purge_month(database, month, operator(), output, dry_run=dry_run, ask=not yes)
        return
    if person is None or program_id is None:
        collector_purge.purge_expired(database, output, dry_run=dry_run)
        return
    if dry_run:
        raise click.UsageError("--dry-run belongs to --expired and --month")
    if not yes:
        click.confirm(f"Erase everything about {person} in {program_id}?", abort=True, err=True)
    collector_purge.purge_person(database, program_id, person, operator(), proof, output)


@collector.command()
@OUTPUT
@with_database
def recount(database: Database, output: str) -> None:
    """Count the numbers of the fleet page anew, from the rows of the people, and say how many were wrong.

    They are kept with each check that arrives; `verify-log` says when they differ. Uploads wait meanwhile.
    """
    from homecheck.collector.store import tally
    from homecheck.collector.store.database import opened, transaction

    with opened(database) as db, transaction(db):
        found = tally.recount(db)
    if output == "json":
        print_json({"wrong": found})
        return
    click.echo(
        f"{found} numbers of the fleet page were wrong, and are counted anew" if found else "all numbers are right"
    )


@collector.command()
@OUTPUT
@with_database
def doctor(database: Database, output: str) -> int:
    """Say what is wrong with this installation, and what to do: database, disk, keys, certificate, clock, backups …

    Run it as the user that serves, while it serves. Exit status: 0 nothing is wrong (there may be warnings) · 3
    something is wrong · 2 wrong usage · 1 it crashed.
    """
    from homecheck.cli import collector_doctor

    return collector_doctor.doctor(database, output)


@collector.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--with-keys", is_flag=True, help="Put the keys into it as well: whoever has the file can then sign.")
@OUTPUT
@with_database
def backup(database: Database, file: Path, with_keys: bool, output: str) -> None:
    """Write everything into the new FILE, while the collector serves.

    The keys are not in it: keep them apart, or give --with-keys.
    """
    from homecheck.cli import collector_backup

    collector_backup.backup(database, file, operator(), output, with_keys=with_keys)


@collector.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@OUTPUT
@with_database
def restore(database: Database, file: Path, output: str) -> int:
    """Put the backup FILE back, where there is no database yet. Every byte is checked before, and the log afterwards.

    Exit status: 0 restored · 3 restored, and the log says that something in it is wrong · 2 wrong usage · 1 not
    restored, with the reason.
    """
    from homecheck.cli import collector_backup

    return collector_backup.restore(database, file, output)


@collector.command()
@click.option("--to", "revision", metavar="REVISION", help="Like 0005. Default: the newest that there is.")
@with_database
def migrate(database: Database, revision: str | None) -> None:
    """Change the tables to those of another version: back, before you go back to an older homecheck.

    Forward is never needed: every command that opens a database of an older version brings it up to date. Stop the
    collector and make a backup first. It is one transaction: done, or nothing of it.
    """
    from homecheck.collector.store import migrations

    wanted = revision or migrations.head()
    if wanted == migrations.NOTHING:
        raise SetupError("that would remove everything", "Remove the database itself, if that is meant.")
    migrations.move(database, wanted)
    click.echo(f"the tables are those of revision {wanted}")
    if wanted != migrations.head():
        advise("Now use the older homecheck: this one would bring them up to date again.")


for _group in (
    program, responder, device, callbacks, mail, webhook,
    collector_access.user, collector_access.token, collector_access.oidc,
):  # fmt: skip
    collector.add_command(_group)
