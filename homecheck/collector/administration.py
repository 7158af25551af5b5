"""What an administrator does, each with its line in the record of events, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from homecheck.collector import enrolment, setup
from homecheck.collector.store import events, people, programs, settings, users
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import Event
from homecheck.collector.store.programs import PolicyVersion, Program, Responder
from homecheck.collector.store.users import Role, User
from homecheck.errors import SetupError
from homecheck.policy import Policy
from homecheck.signing import PublicKey


def add_program(
    database: Database,
    program_id: str,
    title: str,
    purpose: str,
    retention_days: int,
    policy: Policy,
    by: str,
    now: datetime,
) -> Program:
    """Add a program with its first policy."""
    added = Program(program_id, title, purpose, retention_days, now, PolicyVersion(1, now, by, policy))
    with opened(database) as db, transaction(db):
        programs.add(db, added)
        _note(db, now, "program-added", by, program_id, f"policy {policy.name} {policy.version} {policy.digest}")
    return added


def publish_policy(database: Database, program_id: str, policy: Policy, by: str, now: datetime) -> PolicyVersion:
    """Publish another policy for a program."""
    with opened(database) as db, transaction(db):
        before = programs.get(db, program_id).policy
        version = programs.publish(db, program_id, PolicyVersion(0, now, by, policy))
        detail = (
            f"from {before.name} {before.version} {before.digest} to {policy.name} {policy.version} {policy.digest}"
        )
        _note(db, now, "policy-published", by, program_id, detail)
    return version


def invite(database: Database, program_id: str, person: str, valid: timedelta, by: str, now: datetime) -> str:
    """Return the address of a new invitation."""
    with opened(database) as db, transaction(db):
        code = enrolment.invite(db, program_id, person, valid, now=now, by=by)
        return settings.read(db).url + enrolment.PATH + code


def add_user(database: Database, name: str, role: Role, by: str, now: datetime) -> None:
    """Add a user of the dashboard."""
    with opened(database) as db, transaction(db):
        users.add(db, User(name, role), now)
        _note(db, now, "user-added", by, name, f"role {role}")


def remove_user(database: Database, name: str, by: str, now: datetime) -> None:
    """Remove a user; their sessions end. SetupError when there is none."""
    with opened(database) as db, transaction(db):
        if not users.remove(db, name):
            raise _no_user(db, name)
        _note(db, now, "user-removed", by, name, "")


def sign_in_link(database: Database, name: str, by: str, now: datetime) -> str:
    """Return an address where the user can sign in once. SetupError when there is no such user."""
    with opened(database) as db, transaction(db):
        if users.find(db, name) is None:
            raise _no_user(db, name)
        token = setup.sign_in_token(db, name, setup.LINK_LIFE, now)
        _note(db, now, "sign-in-link", by, name, "")
        return setup.sign_in_address(settings.read(db), token)


def pin_responder(database: Database, url: str, key: PublicKey, by: str, now: datetime) -> None:
    """Trust a responder's key."""
    with opened(database) as db, transaction(db):
        programs.pin_responder(db, Responder(url, key, now))
        _note(db, now, "responder-added", by, url, f"key {key.kid}")


def remove_responder(database: Database, url: str, by: str, now: datetime) -> None:
    """Trust a responder no longer. SetupError when it was not known."""
    with opened(database) as db, transaction(db):
        if not programs.remove_responder(db, url):
            raise SetupError(f"no responder {url!r:.100} is known here", "See: homecheck collector responder list")
        _note(db, now, "responder-removed", by, url, "")


def revoke_device(database: Database, kid: str, by: str, now: datetime) -> None:
    """Revoke a device key. SetupError when it is unknown."""
    with opened(database) as db, transaction(db):
        revoke(db, kid, by=by, source_address="", now=now)


def revoke(db: Connection, kid: str, *, by: str, source_address: str, now: datetime) -> None:
    """Revoke a device key, inside a transaction; doing it twice is no error."""
    found = people.find_device(db, kid)
    if found is None:
        raise SetupError(f"no device key {kid!r:.60} is enrolled here", "The dashboard lists them with each person.")
    if people.revoke(db, kid, now):
        who = found.person
        events.add(
            db, Event(now, "device-revoked", False, by, source_address, kid, f"of {who.name}", who.program, who.id)
        )


def _no_user(db: Connection, name: str) -> SetupError:
    names = ", ".join(one.name for one in users.every(db))
    return SetupError(f"there is no user {name!r:.60}; there are: {names}", "See: homecheck collector user add")


def _note(db: Connection, now: datetime, kind: str, by: str, about: str, detail: str) -> None:
    events.add(db, Event(now, kind, False, by, "", about, detail))
