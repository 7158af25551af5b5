"""People: the list with the dashboard's filters, one of them, how they are reached, retiring and erasing."""

from __future__ import annotations

from typing import Any, Final

from homecheck.collector import contacts, etags, list_place, withdrawing
from homecheck.collector.api.members import (
    CHECK,
    COUNTS,
    DEVICE,
    INVITE,
    LETTERS_IN,
    UNMET,
    check,
    counts,
    device,
    invite,
    unmet,
)
from homecheck.collector.api.operation import (
    BOOLEAN,
    ID,
    INTEGER,
    LIMITED,
    NAME,
    OF_PROGRAM,
    REASON,
    TEXT,
    VERDICT,
    VERDICTS,
    Call,
    Json,
    Operation,
    Parameter,
    Reply,
    at,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.course import LATEST, course
from homecheck.collector.enrolment import clean_number
from homecheck.collector.erasing import erase_while_serving, proven
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import events, evidence, mail, people, roster
from homecheck.collector.store.database import Connection
from homecheck.collector.store.mail import Contact
from homecheck.collector.store.people import Person
from homecheck.collector.store.roster import BY_ID, NO_CHECK, ORDERS, OUTCOMES, STATES, Filter, PersonRow
from homecheck.collector.waivers import Effective, clean_reason, of_check, on_list
from homecheck.errors import SetupError
from homecheck.measurement import Measurement

CHECKS: Final = 50  # the latest of a person
ORDER: Final = {"id": BY_ID, **ORDERS}
_PERSON: Final = objects(
    id=TEXT,
    program=TEXT,
    name=TEXT,
    verdict=nullable(VERDICT),
    **COUNTS,
    latest=nullable(TEXT),
    received_at=nullable(moment()),
    due_at=nullable(moment()),
    overdue=BOOLEAN,
    failing_since=nullable(moment()),
    link=TEXT,
    region=TEXT,
    enrolled=BOOLEAN,
    invited_until=nullable(moment()),
    unmet=lists(UNMET),
)
_ALARM: Final = objects(at=moment(), kind=TEXT, about=TEXT, detail=TEXT)
_CONTACT: Final = objects(phone=nullable(TEXT), email=nullable(TEXT), timezone=TEXT, language=TEXT)
_VALUE: Final = objects(
    quantity=TEXT,
    value={"description": "A number, text, true or false; null with a failure."},
    unit=TEXT,
    uncertainty=nullable({"type": "number"}),
    failure=nullable(TEXT),
)
_FILTERS: Final = (
    OF_PROGRAM,
    Parameter("verdict", "query", "The verdict of the latest check; none: nothing was received yet.",
              {"type": "string", "enum": [*VERDICTS, NO_CHECK]}),
    Parameter("name", "query", "A part of the name, in either case.", text()),
    Parameter("state", "query", "overdue: a check is missed. waiting: invited. lapsed: the invitation has expired.",
              {"type": "string", "enum": list(STATES)}),
    Parameter("quantity", "query", "People whom this requirement concerns; see outcome.", text()),
    Parameter("outcome", "query", "How it concerns them; fail unless said otherwise. near: the value is near a limit.",
              {"type": "string", "enum": list(OUTCOMES)}),
    Parameter("region", "query", "A country or a part of one, as the far end saw it; or unknown.", text()),
    Parameter("link", "query", "ethernet, wifi, cellular, other or unknown.", text()),
    Parameter("system", "query", "The operating system, or unknown.", text()),
    Parameter("software", "query", "The agent's version, or unknown.", text()),
    Parameter("hour", "query", "The hour of the day of the latest check, where the person is as far as that is known.",
              {"type": "integer", "minimum": 0, "maximum": 23}),
    Parameter("days", "query", "Whose latest check is at most so many days old.",
              {"type": "integer", "minimum": 1, "maximum": 3660}),
)  # fmt: skip


def list_people(call: Call) -> Json:
    """List people, each with the check received last."""
    query, now = call.query, call.now
    sort = query.get("sort", "id")
    rows = roster.people(
        call.db, call.scope(), _filter(call), now, ORDER[sort], behind=_behind(query.get("after", ""), sort),
        limit=call.limit + 1,
    )  # fmt: skip
    shown = rows[: call.limit]
    standings = on_list(call.db, shown, now)
    following = _after(shown[-1], sort) if len(rows) > call.limit else None
    return {"people": [_person(row, standings.get(row.person.id), call) for row in shown], "next": following}


def count_people(call: Call) -> Json:
    """Count the people that a filter lets through, by verdict and by state."""
    found = roster.counts(call.db, call.scope(), _filter(call), call.now)
    return {
        "total": found.total,
        "verdicts": {word: found.verdicts.get(word, 0) for word in (*VERDICTS, NO_CHECK)},
        "states": {state: found.states[state] for state in STATES},
    }


def show_person(call: Call) -> Json:
    """Show one person: devices, invitations and the latest checks."""
    who = seen(call)
    checks = evidence.of_person(call.db, who.id, limit=CHECKS)
    standing = of_check(call.db, who.id, checks[0], call.now) if checks else None
    times = roster.deadlines(call.db, who.id)
    return {
        "id": who.id,
        "program": who.program,
        "name": who.name,
        "due_at": at(times.due_at),
        "failing_since": at(times.failing_since),
        "verdict": checks[0].verdict.word if checks else None,
        **counts(standing, None),
        "checks": [check(one) for one in checks],
        "devices": [device(one) for one in people.devices_of(call.db, who.id)],
        "invites": [invite(one, call.now) for one in people.invites_of(call.db, who.id)],
        "alarms": [
            {"at": at(one.at), "kind": one.kind, "about": one.about, "detail": one.detail}
            for one in events.security_of_person(call.db, who.id)
        ],
    }


def show_values(call: Call) -> Json:
    """Show what a person's latest checks measured, the oldest first, read from the signed bytes."""
    way = course(call.db, seen(call).id, limit=LATEST)
    only = call.query.get("quantity", "")
    return {
        "checks": [
            {
                "digest": step.digest,
                "received_at": at(step.received_at),
                "values": [
                    _value(found) for found in step.evidence.measurements() if only in ("", found.quantity.name)
                ],
            }
            for step in way.steps
        ],
        "damaged": way.damaged,
    }


def show_contact(call: Call) -> Reply:
    """Show the number on file, and where the person gets mail."""
    who = seen(call, Right.INVITE)
    found = _contact(call.db, who)
    return Reply(found, etag=etags.etag(found))


def put_contact(call: Call) -> Reply:
    """Put a number and an address on file; what is null is left (the number) or forgotten (the address)."""
    who, body, by, now = seen(call, Right.INVITE), call.body, call.by, call.now
    phone, email = (body.text_or_none(name, max_length=254) for name in ("phone", "email"))
    zone = body.text("timezone", max_length=60) if body.has("timezone") else ""
    wanted = body.text("language", max_length=20) if body.has("language") else None
    body.done()

    def work(db: Connection) -> Json:
        etags.check(call.if_match, etags.etag(_contact(db, still(db, who))))
        if phone is not None:
            contacts.put_number(db, who, clean_number(phone or "none"), by=by, now=now)
        elif people.phone(db, who.id) is not None:
            raise SetupError("phone: a number that is on file stays", "Send it again, or another one.")
        if email is None:
            contacts.forget_mail(db, who, by=by, now=now)
        else:
            before = mail.contact(db, who.id)  # whoever knows nothing of languages leaves it as it is
            language = wanted if wanted is not None else before.language if before else ""
            contacts.put_mail(db, who, Contact(email, zone, language), by=by, now=now)
        return _contact(db, who)

    found = call.write(work)
    return Reply(found, etag=etags.etag(found))


def retire(call: Call) -> Json:
    """Take nothing more from a person: their keys are revoked and their invitations taken back."""
    who, by, now = seen(call, Right.ADMINISTER), call.by, call.now
    reason = call.body.text("reason", max_length=200)
    call.body.done()
    done = call.write(lambda db: withdrawing.retire(db, still(db, who), clean_reason(reason), by=by, now=now))
    return {"keys": done.keys, "invites": done.invites}


def erase(call: Call) -> Json:
    """Erase a person, with a signed proof that it was done."""
    who = seen(call, Right.ADMINISTER)
    name = call.body.text("name", max_length=200)
    call.body.done()
    if name != who.name:
        raise Problem("bad-request", f"name: this is not {name!r:.80}", advice="Give the name of whom you erase.")
    done = erase_while_serving(call.collector, who, call.by, call.now)
    return {"entries": done.entries, "overwritten": done.overwritten, "proof": done.proof.decode()}


def show_erasure(call: Call) -> Json:
    """Show that somebody was erased, with the signed proof."""
    found = proven(call.collector, call.path["id"])
    if found is None or not call.sees(found[0].program):
        raise Problem("not-found", "no such erasure is here")
    erasure, signed = found
    call.check(Right.ADMINISTER, erasure.program)
    return {
        "program": erasure.program,
        "erased_at": at(erasure.erased_at),
        "entries": erasure.count(),
        "proof": signed.decode(),
    }


def seen(call: Call, right: Right = Right.READ) -> Person:
    """Return the person of the address. Problem for whom the caller does not see, or may not do this to."""
    who = people.person(call.db, call.path["id"])
    if who is None or not call.sees(who.program):
        raise Problem("not-found", "there is no such person here")
    call.check(right, who.program)
    return who


def still(db: Connection, who: Person) -> Person:
    """Return the person, inside a transaction. Problem when they were erased meanwhile."""
    if people.person(db, who.id) is None:
        raise Problem("not-found", "there is no such person here")
    return who


def _filter(call: Call) -> Filter:
    return Filter(**{one.name: call.query.get(one.name, "") for one in _FILTERS})


def _behind(text: str, sort: str) -> tuple[Any, ...]:
    """Return where the page begins. Problem for what is no `next` of this order."""
    if not text or sort == "id":
        return (text,) if text else ()
    place = list_place.from_text(text, ORDER[sort])
    if not place:
        raise Problem("bad-request", f"after: {text!r:.60} is none of its values in this order")
    return place


def _after(row: PersonRow, sort: str) -> str:
    return row.person.id if sort == "id" else list_place.to_text(row.place)


def _value(found: Measurement) -> Json:
    return {
        "quantity": found.quantity.name,
        "value": found.value,
        "unit": found.quantity.unit,
        "uncertainty": found.uncertainty,
        "failure": found.failure.code if found.failure else None,
    }


def _contact(db: Connection, who: Person) -> Json:
    found = mail.contact(db, who.id)
    return {
        "phone": people.phone(db, who.id),
        "email": found.address if found else None,
        "timezone": found.timezone if found else "",
        "language": found.language if found else "",
    }


def _person(row: PersonRow, standing: Effective | None, call: Call) -> Json:
    return {
        "id": row.person.id,
        "program": row.person.program,
        "name": row.person.name,
        "verdict": row.verdict.word if row.verdict is not None else None,  # pass is 0
        **counts(standing, row.verdict),
        "latest": row.digest or None,
        "received_at": at(row.received_at),
        "due_at": at(row.due_at),
        "overdue": row.is_overdue(call.now),
        "failing_since": at(row.failing_since),
        "link": row.link,
        "region": row.region,
        "enrolled": row.enrolled,
        "invited_until": at(row.invited_until),
        "unmet": unmet(row.concerns),
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/people", "listPeople", "People, each with the check received last", Right.READ,
        list_people, objects(people=lists(_PERSON), next=nullable(TEXT)),
        (
            *_FILTERS,
            Parameter("sort", "query", "The order; id unless said otherwise.",
                      {"type": "string", "enum": list(ORDER), "default": "id"}),
            Parameter("after", "query", "The `next` of the answer before, in the same order.",
                      text(r"^[A-Za-z0-9_-]{22,2000}$", list_place.MAX_PLACE)),
            LIMITED,
        ),
    ),
    Operation(
        "GET", "/v1/admin/counts", "countPeople", "How many people there are, by verdict and by state", Right.READ,
        count_people,
        objects(
            total=INTEGER,
            verdicts=objects(**dict.fromkeys((*VERDICTS, NO_CHECK), INTEGER)),
            states=objects(**dict.fromkeys(STATES, INTEGER)),
        ),
        _FILTERS,
    ),
    Operation(
        "GET", "/v1/admin/people/{id}", "showPerson", "One person with devices, invitations and the latest checks",
        Right.READ, show_person,
        objects(
            id=TEXT, program=TEXT, name=TEXT, due_at=nullable(moment()), failing_since=nullable(moment()),
            verdict=nullable(VERDICT), **COUNTS, checks=lists(CHECK), devices=lists(DEVICE), invites=lists(INVITE),
            alarms=lists(_ALARM),
        ),
        (ID,), refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/people/{id}/values", "showValues", "What a person's latest checks measured, the oldest first",
        Right.READ, show_values,
        objects(
            checks=lists(objects(digest=TEXT, received_at=moment(), values=lists(_VALUE))), damaged=INTEGER,
        ),
        (ID, Parameter("quantity", "query", "Of one quantity, like network.rtt.", text())), refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/people/{id}/contact", "showContact", "A person's telephone number and mail address on file",
        Right.INVITE, show_contact, _CONTACT, (ID,), refusals=("not-found",), tagged=True,
    ),
    Operation(
        "PUT", "/v1/admin/people/{id}/contact", "putContact", "Put a number and a mail address on file", Right.INVITE,
        put_contact, _CONTACT, (ID,),
        body=takes(
            {
                "phone": nullable({**text(most=30), "description": "E.164; one that is on file cannot be taken away."}),
                "email": nullable({**text(most=254), "description": "null: no letters."}),
            },
            {"timezone": {**text(most=60), "description": "Like Europe/Stockholm: letters leave by day there."},
             "language": LETTERS_IN},
        ),
        refusals=("not-found",), conditional=True, tagged=True,
        example={"phone": "+46 8 123 456 78", "email": "ada@example.com", "timezone": "Europe/Stockholm"},
    ),
    Operation(
        "POST", "/v1/admin/people/{id}/retire", "retirePerson",
        "Take nothing more from a person: revoke every key, take back every invitation. What was received stays",
        Right.ADMINISTER, retire, objects(keys=INTEGER, invites=INTEGER), (ID,),
        body=takes({"reason": REASON}), refusals=("not-found",), example={"reason": "has left the company"},
    ),
    Operation(
        "POST", "/v1/admin/people/{id}/erase", "erasePerson",
        "Erase a person for ever: checks, keys, invitations, waivers, name. Answers with the signed proof",
        Right.ADMINISTER, erase, objects(entries=INTEGER, overwritten=BOOLEAN, proof=TEXT), (ID,),
        body=takes({"name": {**NAME, "description": "Their name, so that no wrong id erases anybody."}}),
        refusals=("not-found",), example={"name": "Ada Lovelace"},
    ),
    Operation(
        "GET", "/v1/admin/people/{id}/erasure", "showErasure", "The signed proof that a person was erased, again",
        Right.ADMINISTER, show_erasure, objects(program=TEXT, erased_at=moment(), entries=INTEGER, proof=TEXT), (ID,),
        refusals=("not-found",),
    ),
)  # fmt: skip
