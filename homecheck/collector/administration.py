"""What an administrator does, each with its line in the record of events, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from homecheck.collector import (
    contacts,
    enrolment,
    mail_server,
    mass_invitation,
    postman,
    program_changes,
    proposals,
    publishing,
    setup,
    user_changes,
    waivers,
)
from homecheck.collector.devices import counts, in_overlap
from homecheck.collector.invitation_list import Entry
from homecheck.collector.mass_invitation import Order
from homecheck.collector.program_changes import Description
from homecheck.collector.store import credentials, events, mail, people, programs, sessions, settings, users
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Device
from homecheck.collector.store.programs import PolicyVersion, Program, Responder
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.store.users import EVERYWHERE, Role, User
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.waivers import Asked
from homecheck.errors import SetupError
from homecheck.policy import Policy
from homecheck.signing import PublicKey

MAX_REASON: Final = 200  # characters


def add_program(
    database: Database,
    program_id: str,
    title: str,
    purpose: str,
    retention_days: int,
    policy: Policy,
    by: str,
    now: datetime,
    source: str = "",
) -> Program:
    """Add a program with its first policy; `source` is its text, with its comments."""
    added = Program(program_id, title, purpose, retention_days, now, PolicyVersion(1, now, by, policy, source))
    with opened(database) as db, transaction(db):
        program_changes.add(db, added, by=By(by), now=now)
    return added


def publish_policy(
    database: Database, program_id: str, policy: Policy, by: str, now: datetime, source: str = ""
) -> tuple[PolicyVersion, str]:
    """Publish another policy for a program; `source` is its text, with its comments.

    Behind the version stands what is to be remarked on: that another one was named alike. Often nothing.
    """
    with opened(database) as db, transaction(db):
        remark = publishing.name_is_used(policy, programs.history(db, program_id))
        return publishing.publish(db, program_id, policy, source, by=By(by), now=now), remark


def invite(
    database: Database, program_id: str, person: str, valid: timedelta, by: str, now: datetime, phone: str = ""
) -> str:
    """Return the address of a new invitation; `phone` is the number on file for call-backs."""
    with opened(database) as db, transaction(db):
        code = enrolment.invite(db, program_id, person, valid, now=now, by=By(by), phone=phone)
        return settings.read(db).url + enrolment.PATH + code


def invite_by_mail(
    database: Database, program_id: str, person: str, by: str, now: datetime, contact: mail.Contact, phone: str = ""
) -> str:
    """Have an invitation sent by mail and return the letter's id. SetupError when no mail server was named."""
    with opened(database) as db, transaction(db):
        return mail_invitation(db, program_id, person, contact, by=By(by), now=now, phone=phone).id


def mail_invitation(
    db: Connection, program_id: str, person: str, contact: mail.Contact, *, by: By, now: datetime, phone: str = ""
) -> mail.Letter:
    """Have an invitation sent by mail, inside a transaction. SetupError when no mail server was named."""
    if mail_server.configured(db) is None:
        raise SetupError("no mail server was named yet", "See: homecheck collector mail set")
    who = enrolment.put_person(db, program_id, person, now=now, by=by, phone=phone)
    contacts.put_mail(db, who, contact, by=by, now=now)
    return postman.queue_invitation(db, who, by.name, now)


def invite_list(
    database: Database, entries: Sequence[Entry], valid: timedelta, by: str, now: datetime, *, by_mail: bool = False
) -> Iterator[str]:
    """Invite everybody on a list and yield it, with the addresses, as lines of CSV.

    `by_mail`: whoever has a mail address gets a letter instead. SetupError when none can be sent.
    """
    order = Order(mass_invitation.new_token(), By(by), now, valid, letters=by_mail)
    codes: dict[int, str] = {}
    with opened(database) as db:
        if by_mail:
            _check_letters(db, entries)
        for step in mass_invitation.steps(entries, order):
            with transaction(db):
                codes |= step(db)
        url = settings.read(db).url
    return mass_invitation.as_csv(entries, codes, url, now + valid)


def _check_letters(db: Connection, entries: Sequence[Entry]) -> None:
    """Raise SetupError where letters cannot be sent, or not to one of these."""
    if mail_server.configured(db) is None:
        raise SetupError("no mail server was named yet", "See: homecheck collector mail set")
    for one in entries:
        try:
            if one.email:
                mail_server.check_address(one.email)
        except SetupError as error:
            raise SetupError(f"line {one.line}: {error.message}", "Nobody was invited. Correct the list.") from None


def grant_waiver(database: Database, asked: Asked, by: str, now: datetime) -> Waiver:
    """Approve an exception. SetupError says what is wrong with it."""
    with opened(database) as db, transaction(db):
        return waivers.grant(db, asked, by=By(by), now=now)


def propose_waiver(database: Database, asked: Asked, by: str, now: datetime) -> Proposal:
    """Propose an exception. SetupError says what is wrong with it."""
    with opened(database) as db, transaction(db):
        return proposals.propose(db, asked, by=By(by), now=now)


def approve_waiver(database: Database, proposal_id: str, by: str, now: datetime) -> Waiver:
    """Make a waiver of a proposal. SetupError when it does not wait, or must be approved by somebody else."""
    with opened(database) as db, transaction(db):
        return proposals.approve(db, proposal_id, by=By(by), now=now)


def decline_waiver(database: Database, proposal_id: str, reason: str, by: str, now: datetime) -> Proposal:
    """Decline a proposal. SetupError when it does not wait any more."""
    with opened(database) as db, transaction(db):
        return proposals.decline(db, proposal_id, reason, by=By(by), now=now)


def set_four_eyes(database: Database, program_id: str, wanted: bool, by: str, now: datetime) -> Program:
    """Say whether a waiver needs two people in a program."""
    with opened(database) as db, transaction(db):
        return program_changes.set_four_eyes(db, program_id, wanted, by=By(by), now=now)


def describe_program(
    database: Database,
    program_id: str,
    by: str,
    now: datetime,
    *,
    title: str | None = None,
    purpose: str | None = None,
    retention_days: int | None = None,
) -> Program:
    """Describe a program otherwise; None: as before. SetupError for what nobody could read, or no promise of days."""
    with opened(database) as db, transaction(db):
        was = Description.of(programs.get(db, program_id))
        asked = {"title": title, "purpose": purpose, "retention_days": retention_days}
        wanted = replace(was, **{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
        return program_changes.change(db, program_id, wanted, by=By(by), now=now)


def set_language(database: Database, program_id: str, language: str, by: str, now: datetime) -> Program:
    """Say in which language letters of a program are written. SetupError for one that there is none of."""
    with opened(database) as db, transaction(db):
        wanted = replace(Description.of(programs.get(db, program_id)), language=language)
        return program_changes.change(db, program_id, wanted, by=By(by), now=now)


def revoke_waiver(database: Database, waiver_id: str, reason: str, by: str, now: datetime) -> Waiver:
    """End an exception now. SetupError when there is none of this name."""
    with opened(database) as db, transaction(db):
        return waivers.revoke(db, waiver_id, reason, by=By(by), now=now)


def add_user(database: Database, name: str, role: Role, by: str, now: datetime, program: str = EVERYWHERE) -> None:
    """Add a user of the dashboard, with a role in one program or EVERYWHERE."""
    with opened(database) as db, transaction(db):
        user_changes.add(db, User(name, {program: role}), by=By(by), now=now)


def set_role(database: Database, name: str, program: str, role: Role | None, by: str, now: datetime) -> User:
    """Give a user another role in a program or EVERYWHERE (None: none), and return what they are then."""
    with opened(database) as db, transaction(db):
        return user_changes.set_role(db, name, program, role, by=By(by), now=now)


def remove_user(database: Database, name: str, by: str, now: datetime) -> None:
    """Remove a user; their sessions end. SetupError when there is none."""
    with opened(database) as db, transaction(db):
        user_changes.remove(db, name, by=By(by), now=now)


def reset_user(database: Database, name: str, by: str, now: datetime) -> None:
    """Take a user's password and second factor away and end their sessions. SetupError when there is no such user."""
    with opened(database) as db, transaction(db):
        users.get(db, name)
        credentials.forget(db, name)
        ended = sessions.end_others(db, name, "")
        events.note(db, now, "user-reset", By(by), name, f"{ended} sessions ended")


def sign_in_link(database: Database, name: str, by: str, now: datetime) -> str:
    """Return an address where the user can sign in once. SetupError when there is no such user."""
    with opened(database) as db, transaction(db):
        users.get(db, name)
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


def revoke_device(database: Database, kid: str, by: str, now: datetime, reason: str = "") -> Device | None:
    """Revoke a device key. Return the key that took its place, if that still counts. SetupError when it is unknown."""
    with opened(database) as db, transaction(db):
        revoke(db, kid, by=By(by), now=now, reason=reason)
        heir = people.heir_of(db, kid)
        return heir if heir is not None and counts(heir, now) else None


def revoke(db: Connection, kid: str, *, by: By, now: datetime, reason: str = "") -> None:
    """Revoke a device key, inside a transaction; doing it twice is no error.

    The key whose place it took goes with it, where that would still be taken: whoever holds one may hold the other.
    """
    found: Device | None = people.find_device(db, kid)
    if found is None:
        raise SetupError(f"no device key {kid!r:.60} is enrolled here", "See: homecheck collector device list")
    said = clean_reason(reason)
    while found is not None and (found.key.kid == kid or in_overlap(found, now)):
        who, name = found.person, found.key.kid
        if people.revoke(db, name, now, said):
            detail = f"of {who.name}: {said}" if said else f"of {who.name}"
            events.note(db, now, "device-revoked", by, name, detail, program=who.program, person=who.id)
        found = people.find_device(db, found.replaces) if found.replaces else None


def clean_reason(reason: str) -> str:
    """Return why a key is revoked, as it is stored. SetupError for what is no reason."""
    said = " ".join(reason.split())
    if len(said) > MAX_REASON or not said.isprintable():
        raise SetupError(f"{reason!r:.60} is no reason", f"Write at most {MAX_REASON} printable characters.")
    return said


def _note(
    db: Connection, now: datetime, kind: str, by: str, about: str, detail: str, program: str | None = None
) -> None:
    events.note(db, now, kind, By(by), about, detail, program=program)
