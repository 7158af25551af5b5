"""Invitations: made singly, by mail and from a list, listed, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, cast

from homecheck.collector import administration, enrolment, invitation_list, mail_server, mass_invitation, withdrawing
from homecheck.collector.api.members import INVITE, LETTERS_IN
from homecheck.collector.api.members import invite as shown
from homecheck.collector.api.operation import (
    INTEGER,
    LIMITED,
    NAME,
    OF_PROGRAM,
    PROGRAM,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.invitation_list import MOST_BYTES, InvitationList
from homecheck.collector.mass_invitation import Order
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import people, programs
from homecheck.collector.store.mail import Contact
from homecheck.collector.store.people import Invite, InviteState
from homecheck.standards.rfc_3339 import to_text

CSV: Final = "text/csv"
LIST_SECONDS: Final = 120.0  # in which a file of some megabytes arrives over a home line
DEFAULT_HOURS: Final = 72
MOST_HOURS: Final = 8760
_HEX: Final = text(r"^[0-9a-f]{16}$", enrolment.DIGEST_SHOWN)
_ADDRESS: Final = {"type": "string", "format": "uri"}
_HOURS: Final = {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": DEFAULT_HOURS}
_WHOM: Final = {"program": PROGRAM, "person": {**NAME, "description": "The same name is the same person."}}
_PHONE: Final = {**text(most=30), "description": "The number on file for call-backs, E.164."}
_INVITED: Final = objects(line=INTEGER, name=TEXT, program=TEXT, email=TEXT, language=TEXT, address=nullable(_ADDRESS))


def list_invites(call: Call) -> Json:
    """List invitations, by what their codes' digests begin with."""
    query, now = call.query, call.now
    state = cast("InviteState | None", query.get("state"))
    found = people.invites(
        call.db, call.scope(), query.get("program", ""), state, now, after=_behind(query.get("after", "")),
        limit=call.limit + 1,
    )  # fmt: skip
    some = found[: call.limit]
    following = some[-1].code_sha256[: enrolment.DIGEST_SHOWN] if len(found) > call.limit else None
    return {"invites": [shown(one, now) for one in some], "next": following}


def invite(call: Call) -> Json:
    """Invite somebody and return the address, which nobody can show again."""
    body = call.body
    program, person = body.text("program", max_length=64), body.text("person", max_length=200)
    phone = body.text("phone", max_length=30) if body.has("phone") else ""
    hours = body.integer("valid_hours", least=1) if body.has("valid_hours") else DEFAULT_HOURS
    body.done()
    life = _life(hours)
    call.check(Right.INVITE, program)
    now, by = call.now, call.by
    code = call.write(lambda db: enrolment.invite(db, program, person, life, now=now, by=by, phone=phone))
    return {"address": f"{call.collector.url}{enrolment.PATH}{code}", "expires_at": to_text(now + life)}


def invite_by_mail(call: Call) -> Json:
    """Have an invitation sent by mail."""
    body = call.body
    program, person = body.text("program", max_length=64), body.text("person", max_length=200)
    email = body.text("email", max_length=254)
    zone = body.text("timezone", max_length=60) if body.has("timezone") else ""
    language = body.text("language", max_length=20) if body.has("language") else ""
    phone = body.text("phone", max_length=30) if body.has("phone") else ""
    body.done()
    call.check(Right.INVITE, program)
    if mail_server.configured(call.db) is None:
        raise Problem("no-mail-server", "letters cannot leave yet")
    now, by, contact = call.now, call.by, Contact(email, zone, language)
    letter = call.write(
        lambda db: administration.mail_invitation(db, program, person, contact, by=by, now=now, phone=phone)
    )
    return {"letter": letter.id}


def invite_list(call: Call) -> Json:
    """Invite everybody on a list, or nobody; with dry_run, say what that would do."""
    query, now = call.query, call.now
    program = query.get("program", "")
    if program:
        call.check(Right.INVITE, program)
        if programs.find(call.db, program) is None:
            raise Problem("not-found", "there is no such program here")
    within = [one.id for one in programs.within(call.db, call.scope(Right.INVITE))]
    found = invitation_list.read(call.raw, within, program)
    if found.wrong:
        raise _list_wrong(found)
    would = mass_invitation.preview(call.db, found.entries)
    codes: dict[int, str] = {}
    life = _life(int(query.get("valid_hours", DEFAULT_HOURS)))
    if query.get("dry_run") != "true":
        token = mass_invitation.check_token(call.list_name) if call.list_name else mass_invitation.new_token()
        codes = mass_invitation.send(call.collector.writer, found.entries, Order(token, call.by, now, life))
    start = f"{call.collector.url}{enrolment.PATH}"
    return {
        "invited": len(codes),
        "known": would.known,
        "new_numbers": would.new_numbers,
        "expires_at": to_text(now + life),
        "people": [
            {
                **{name: getattr(one, name) for name in ("line", "name", "program", "email", "language")},
                "address": f"{start}{codes[one.line]}" if codes else None,
            }
            for one in found.entries
        ],
    }


def withdraw(call: Call) -> Json:
    """Take an invitation back; one that was used stays, and what was enrolled with it."""
    found = _seen(call)
    call.check(Right.INVITE, found.person.program)
    by, now = call.by, call.now
    if not call.write(lambda db: withdrawing.withdraw(db, found, withdrawing.BY_HAND, by=by, now=now)):
        advice = "To take nothing more from this person, revoke their key or retire them."
        raise Problem("invite-used", "this invitation was used, or is gone", advice=advice)
    return {}


def _seen(call: Call) -> Invite:
    found = people.invite_called(call.db, call.path["invite"])
    if found is None or not call.sees(found.person.program):
        raise Problem("not-found", "there is no such invitation here")
    return found


def _behind(after: str) -> str:
    """Return a text behind every digest that begins so, and before all others."""
    return f"{after}g" if after else ""


def _life(hours: int) -> timedelta:
    if hours > MOST_HOURS:
        raise Problem("bad-request", f"valid_hours: {hours} is more than {MOST_HOURS}")
    return timedelta(hours=hours)


def _list_wrong(found: InvitationList) -> Problem:
    first = found.wrong[0].sentence
    mistakes = [{"line": one.line, "message": one.message} for one in found.wrong]
    return Problem("list-wrong", first, extra={"count": found.count_wrong, "mistakes": mistakes})


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/invites", "listInvites", "Invitations, in an order of no meaning", Right.READ, list_invites,
        objects(invites=lists(INVITE), next=nullable(TEXT)),
        (
            OF_PROGRAM,
            Parameter("state", "query", "open: it can be used.",
                      {"type": "string", "enum": ["open", "used", "expired"]}),
            Parameter("after", "query", "The `next` of the answer before.", _HEX),
            LIMITED,
        ),
    ),
    Operation(
        "POST", "/v1/admin/invites", "invite", "Invite somebody: one person, one program, one computer", Right.INVITE,
        invite, objects(address=_ADDRESS, expires_at=moment()),
        body=takes(_WHOM, {"phone": _PHONE, "valid_hours": _HOURS}), status=201, refusals=("not-found",),
        example={"program": "support", "person": "Ada Lovelace"},
    ),
    Operation(
        "POST", "/v1/admin/invite-letters", "inviteByMail", "Have an invitation sent by mail; it leaves by day",
        Right.INVITE, invite_by_mail, objects(letter=TEXT),
        body=takes(
            {**_WHOM, "email": {**text(most=254), "minLength": 3}},
            {"timezone": text(most=60), "phone": _PHONE, "language": LETTERS_IN},
        ),
        status=202, refusals=("not-found", "no-mail-server"),
        example={"program": "support", "person": "Ada Lovelace", "email": "ada@example.com", "language": "sv"},
    ),
    Operation(
        "POST", "/v1/admin/invite-lists", "inviteList",
        "Invite everybody on a list (CSV with a header), or nobody when a line is wrong. With the header "
        "Idempotency-Key the same list is never sent twice",
        Right.INVITE, invite_list,
        objects(invited=INTEGER, known=INTEGER, new_numbers=INTEGER, expires_at=moment(), people=lists(_INVITED)),
        (
            Parameter("program", "query", "Of lines that name none.", PROGRAM),
            Parameter("valid_hours", "query", "How long the invitations are good.", _HOURS),
            Parameter("dry_run", "query", "true: only look.", {"type": "string", "enum": ["true", "false"]}),
        ),
        body={"type": "string"}, body_type=CSV, most=MOST_BYTES, seconds=LIST_SECONDS,
        refusals=("not-found", "list-wrong", "list-used"), example="name,phone\nAda Lovelace,+46 8 123 456 78\n",
    ),
    Operation(
        "DELETE", "/v1/admin/invites/{invite}", "withdrawInvite", "Take an invitation back that nobody has used",
        Right.INVITE, withdraw, None,
        (Parameter("invite", "path", "The id of an invitation.", _HEX),), status=204,
        refusals=("not-found", "invite-used"),
    ),
)  # fmt: skip
