"""`homecheck collector device`: the keys that home offices sign with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from homecheck.cli.collector_options import (
    DASHES,
    OUTPUT,
    advise,
    moment,
    operator,
    print_json,
    with_database,
)
from homecheck.clock import utc_now

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.people import Device, LatestCheck


@click.group()
def device() -> None:
    """Device keys, as the dashboard lists them with each person."""


@device.command("list")
@click.option("--program", "program_id", default="", metavar="ID", help="Those of one program.")
@OUTPUT
@with_database
def list_devices(database: Database, program_id: str, output: str) -> None:
    """List the device keys: whose each is, where it is kept, whether it counts, and what it has signed last."""
    from homecheck.collector.store import people
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found, last = people.every_device(db, program_id), people.every_latest_check(db, program_id)
    if output == "json":
        print_json([{**_device_members(one), **_last_members(last.get(one.key.kid))} for one in found])
    for one in found if output == "text" else ():
        click.echo(
            f"{one.key.kid}  {one.person.program}, {one.person.name}: {_device_state(one)}; kept in {one.key_store};"
            f" {_last(last.get(one.key.kid))}"
        )


@device.command("revoke", context_settings=DASHES)
@click.argument("kid")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the dashboard and in the list of events.")
@with_database
def revoke_device(database: Database, kid: str, reason: str) -> None:
    """Refuse what this device key signs from now on; what was received before stays good.

    A key whose place it took, and which is still taken for some hours, goes with it. A key that took its own place does
    not: you are told of it.
    """
    from homecheck.collector import administration

    heir = administration.revoke_device(database, kid, operator(), utc_now(), reason)
    if heir is not None:
        advise(f"The key {heir.key.kid} took its place on {heir.enrolled_at:%Y-%m-%d %H:%M} UTC, and still counts.")
        advise(f"If it was not the worker who changed it: homecheck collector device revoke {heir.key.kid}")


def _device_members(one: Device) -> dict[str, Any]:
    return {
        "kid": one.key.kid,
        "program": one.person.program,
        "person": one.person.name,
        "key_store": one.key_store,
        "software": one.software,
        "enrolled_at": moment(one.enrolled_at),
        "replaces": one.replaces,
        "replaced_at": moment(one.replaced_at),
        "revoked_at": moment(one.revoked_at),
        "revoked_reason": one.revoked_reason,
    }


def _last_members(check: LatestCheck | None) -> dict[str, Any]:
    return {
        "last_check": check.digest if check else None,
        "last_verdict": check.verdict.word if check else None,
        "last_received_at": moment(check.received_at if check else None),
    }


def _last(check: LatestCheck | None) -> str:
    return f"last check {check.received_at:%Y-%m-%d}: {check.verdict.word}" if check else "no check"


def _device_state(one: Device) -> str:
    if one.revoked_at:
        return f"revoked {one.revoked_at:%Y-%m-%d}" + (f" ({one.revoked_reason})" if one.revoked_reason else "")
    return f"replaced {one.replaced_at:%Y-%m-%d}" if one.replaced_at else f"enrolled {one.enrolled_at:%Y-%m-%d}"
