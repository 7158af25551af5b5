"""Programs and their policies: described, published, compared, and tried on stored checks before they count."""

from __future__ import annotations

from typing import Final

from homecheck.appraisal import Verdict
from homecheck.collector import etags, program_changes, publishing
from homecheck.collector.api.operation import (
    BOOLEAN,
    INTEGER,
    PROGRAM,
    PROGRAM_ID,
    TEXT,
    VERDICT,
    Call,
    Json,
    Operation,
    Parameter,
    Reply,
    lists,
    moment,
    nullable,
    objects,
    takes,
)
from homecheck.collector.problems import Problem
from homecheck.collector.program_changes import Description, tag
from homecheck.collector.publishing import Draft
from homecheck.collector.rights import Right
from homecheck.collector.store import programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.collector.what_if import Move, WhatIf, one_trial, what_if
from homecheck.locale import LANGUAGES, SOURCE
from homecheck.policy import MAX_TEXT
from homecheck.policy_difference import Change, difference
from homecheck.standards.rfc_3339 import to_text

MOST: Final = 2 * MAX_TEXT + 1_024  # bytes of a policy's text in JSON, where many a character is written as two
VERSION: Final = objects(
    number=INTEGER, name=TEXT, version=TEXT, digest=TEXT, published_at=moment(), published_by=TEXT,
    members={"type": "object"},
)  # fmt: skip
_LANGUAGE: Final = {"type": "string", "enum": list(LANGUAGES)}
_PROGRAM: Final = objects(
    id=TEXT, title=TEXT, purpose=TEXT, retention_days=INTEGER, language=_LANGUAGE, four_eyes=BOOLEAN,
    created_at=moment(), policy=VERSION,
)  # fmt: skip

_WITH_TEXT: Final = objects(**VERSION["properties"], text=TEXT)
_CHANGE: Final = objects(
    subject=TEXT, key=TEXT, before=nullable(TEXT), after=nullable(TEXT), sentence=TEXT,
)  # fmt: skip
_MOVE: Final = objects(before=nullable(VERDICT), after=nullable(VERDICT), people=INTEGER)
_TRIED: Final = objects(
    headline=TEXT, people=INTEGER, judged=INTEGER, unreadable=INTEGER, would_fail=INTEGER, in_doubt=INTEGER,
    of_all=objects(low=INTEGER, high=INTEGER), sampled=BOOLEAN, moves=lists(_MOVE),
    quantities=lists(objects(quantity=TEXT, moves=lists(_MOVE))),
    unasked=lists(objects(quantity=TEXT, people=INTEGER)),
    changed=lists(objects(person=objects(id=TEXT, name=TEXT), evidence=TEXT, before=VERDICT, after=VERDICT)),
    changes=lists(_CHANGE), remarks=lists(TEXT),
)  # fmt: skip
_TEXT: Final = {"type": "string", "maxLength": MAX_TEXT, "description": "The policy as TOML."}
_TITLE: Final = {"type": "string", "minLength": 1, "maxLength": program_changes.MAX_TITLE}
_PURPOSE: Final = {"type": "string", "minLength": 1, "maxLength": program_changes.MAX_PURPOSE}
_MORE: Final[dict[str, Json]] = {
    "language": {**_LANGUAGE, "description": "Of letters, unless an invitation names another; left as it is without."},
    "four_eyes": {**BOOLEAN, "description": "A waiver is proposed by one and approved by another."},
}
_DAYS: Final = {"type": "integer", "minimum": 1, "maximum": program_changes.LONGEST}
EXAMPLE: Final = 'name = "line"\nversion = "2"\n\n[[requirement]]\nquantity = "network.download"\nat_least = 10\n'


def list_programs(call: Call) -> Json:
    """List the programs that the caller sees, each with its policy."""
    return {"programs": [_program(one) for one in programs.within(call.db, call.scope())]}


def add_program(call: Call) -> Reply:
    """Add a program with its first policy."""
    body, by, now = call.body, call.by, call.now
    name, text = body.text("id", max_length=64), body.text("policy", max_length=MAX_TEXT)
    described, four_eyes = _description(call, None)
    draft = _draft(text)
    policy = draft.policy
    assert policy is not None  # or `_draft` had raised

    made = call.write(
        lambda db: program_changes.begin(db, name, described, policy, draft.text, four_eyes=four_eyes, by=by, now=now)
    )
    return Reply(_program(made), etag=tag(made))


def show_program(call: Call) -> Reply:
    """Show one program with the policy that counts now."""
    found = _seen(call)
    return Reply(_program(found), etag=tag(found))


def change_program(call: Call) -> Reply:
    """Change title, purpose and retention of a program."""
    found = _seen(call, Right.ADMINISTER)
    (wanted, four_eyes), by, now = _description(call, found), call.by, call.now

    def work(db: Connection) -> Program:
        etags.check(call.if_match, tag(programs.get(db, found.id)))
        program_changes.change(db, found.id, wanted, by=by, now=now)
        return program_changes.set_four_eyes(db, found.id, four_eyes, by=by, now=now)

    changed = call.write(work)
    return Reply(_program(changed), etag=tag(changed))


def show_policy(call: Call) -> Reply:
    """Show the policy that counts now, with its text."""
    current = _seen(call).current
    return Reply(_version(current, with_text=True), etag=_policy_tag(current))


def publish(call: Call) -> Reply:
    """Publish a policy; the one that counts already changes nothing."""
    found = _seen(call, Right.ADMINISTER)
    draft, by, now = _draft(call.body.text("text", max_length=MAX_TEXT)), call.by, call.now
    call.body.done()
    policy = draft.policy
    assert policy is not None  # or `_draft` had raised

    def work(db: Connection) -> tuple[PolicyVersion, bool]:
        current = programs.get(db, found.id).current
        etags.check(call.if_match, _policy_tag(current))
        if policy.digest == current.policy.digest:
            return current, False
        made = publishing.publish(db, found.id, policy, draft.text, by=by, now=now, base=current.number)
        return made, True

    version, new = call.write(work)
    return Reply(_version(version, with_text=True), status=201 if new else 200, etag=_policy_tag(version))


def list_policies(call: Call) -> Json:
    """List every policy that a program has had, the newest first."""
    return {"policies": [_version(one) for one in programs.history(call.db, _seen(call).id)]}


def show_version(call: Call) -> Json:
    """Show one policy that a program has had, with its text."""
    return _version(_numbered(call, "number"), with_text=True)


def compare(call: Call) -> Json:
    """Say what differs between two policies of a program."""
    old, new = _numbered(call, "old"), _numbered(call, "new")
    return {"changes": [_change(one) for one in difference(old.policy, new.policy)]}


def attempt(call: Call) -> Json:
    """Say what a policy would change; nothing is stored."""
    found = _seen(call, Right.ADMINISTER)
    draft = _draft(call.body.text("text", max_length=MAX_TEXT))
    call.body.done()
    assert draft.policy is not None  # or `_draft` had raised
    with one_trial():
        tried = what_if(call.collector, call.db, found.id, found.policy, draft.policy)
    changes = [_change(one) for one in difference(found.policy, draft.policy)]
    remarks = draft.after(programs.history(call.db, found.id)).remarks
    return {**_tried(tried), "changes": changes, "remarks": list(remarks)}


def _seen(call: Call, right: Right = Right.READ) -> Program:
    found = programs.find(call.db, call.path["program"])
    if found is None or not call.sees(found.id):
        raise Problem("not-found", "there is no such program here")
    call.check(right, found.id)
    return found


def _numbered(call: Call, name: str) -> PolicyVersion:
    wanted = int(call.path[name])
    for one in programs.history(call.db, _seen(call).id):
        if one.number == wanted:
            return one
    raise Problem("not-found", "there is no such policy here")


def _description(call: Call, before: Program | None) -> tuple[Description, bool]:
    """Return what describes a program, and whether four eyes are asked for; nothing else may be left in the body."""
    body = call.body
    title = body.text("title", max_length=program_changes.MAX_TITLE)
    purpose = body.text("purpose", max_length=program_changes.MAX_PURPOSE)
    days = body.integer("retention_days", least=1)
    language = body.optional_text("language", before.language if before else SOURCE)
    four_eyes = body.boolean("four_eyes") if body.has("four_eyes") else before is not None and before.four_eyes
    body.done()
    return Description(title, purpose, days, language), four_eyes


def _draft(text: str) -> Draft:
    """Return a text with the policy in it. Problem with the line of the first mistake."""
    draft = publishing.read_draft(text)
    if draft.policy is None:
        raise Problem("policy-wrong", draft.mistake, advice=draft.advice, extra={"line": draft.line})
    return draft


def _policy_tag(one: PolicyVersion) -> str:
    return etags.etag({"number": one.number, "digest": one.policy.digest})


def _program(one: Program) -> Json:
    return {
        "id": one.id,
        "title": one.title,
        "purpose": one.purpose,
        "retention_days": one.retention_days,
        "language": one.language,
        "four_eyes": one.four_eyes,
        "created_at": to_text(one.created_at),
        "policy": _version(one.current),
    }


def _version(one: PolicyVersion, *, with_text: bool = False) -> Json:
    return {
        "number": one.number,
        "name": one.policy.name,
        "version": one.policy.version,
        "digest": one.policy.digest,
        "published_at": to_text(one.published_at),
        "published_by": one.published_by,
        "members": one.policy.members(),
        **({"text": publishing.text_of(one)} if with_text else {}),
    }


def _change(one: Change) -> Json:
    return {**vars(one), "sentence": one.sentence}


def _tried(found: WhatIf) -> Json:
    share = found.of_all(found.missed)
    return {
        "headline": found.headline,
        "people": found.people,
        "judged": found.judged,
        "unreadable": found.unreadable,
        "would_fail": found.missed,
        "in_doubt": found.in_doubt,
        "of_all": {"low": share.low, "high": share.high},
        "sampled": found.sampled,
        "moves": [_move(move, number) for move, number in found.moves.items()],
        "quantities": [
            {"quantity": quantity, "moves": [_move(move, number) for move, number in moves.items()]}
            for quantity, moves in found.by_quantity.items()
        ],
        "unasked": [{"quantity": quantity, "people": number} for quantity, number in found.unasked.items()],
        "changed": [
            {
                "person": {"id": one.person.id, "name": one.person.name},
                "evidence": one.digest,
                "before": one.before.word,
                "after": one.after.word,
            }
            for one in found.changed
        ],
    }


def _move(move: Move | tuple[Verdict, Verdict], number: int) -> Json:
    before, after = move
    return {
        "before": before.word if before is not None else None,
        "after": after.word if after is not None else None,
        "people": number,
    }


def _number(name: str) -> Parameter:
    return Parameter(name, "path", "The number of a policy in its program, from 1.",
                     {"type": "integer", "minimum": 1, "maximum": 10**6})  # fmt: skip


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/programs", "listPrograms", "Programs, each with the policy that counts now", Right.READ,
        list_programs, objects(programs=lists(_PROGRAM)),
    ),
    Operation(
        "POST", "/v1/admin/programs", "addProgram", "Add a program with its first policy", Right.ADMINISTER,
        add_program, _PROGRAM,
        body=takes(
            {"id": PROGRAM, "title": _TITLE, "purpose": _PURPOSE, "retention_days": _DAYS, "policy": _TEXT}, _MORE
        ),
        most=MOST, status=201, everywhere=True, tagged=True, refusals=("exists", "policy-wrong"),
        example={
            "id": "sales", "title": "Sales line", "purpose": "To see whether your home is ready.",
            "retention_days": 180, "policy": EXAMPLE,
        },
    ),
    Operation(
        "GET", "/v1/admin/programs/{program}", "showProgram", "One program with the policy that counts now", Right.READ,
        show_program, _PROGRAM, (PROGRAM_ID,), tagged=True, refusals=("not-found",),
    ),
    Operation(
        "PUT", "/v1/admin/programs/{program}", "changeProgram",
        "Change title, purpose, retention, language and four eyes. A shorter retention deletes within the hour",
        Right.ADMINISTER, change_program, _PROGRAM, (PROGRAM_ID,),
        body=takes({"title": _TITLE, "purpose": _PURPOSE, "retention_days": _DAYS}, _MORE),
        tagged=True, conditional=True, refusals=("not-found",),
        example={"title": "Support line", "purpose": "To see whether your home is ready.", "retention_days": 90},
    ),
    Operation(
        "GET", "/v1/admin/programs/{program}/policy", "showPolicy", "The policy that counts now, with its text",
        Right.READ, show_policy, _WITH_TEXT, (PROGRAM_ID,), tagged=True, refusals=("not-found",),
    ),
    Operation(
        "PUT", "/v1/admin/programs/{program}/policy", "publishPolicy",
        "Publish a policy (201); the one that counts already changes nothing (200)", Right.ADMINISTER, publish,
        _WITH_TEXT, (PROGRAM_ID,), body=takes({"text": _TEXT}), most=MOST, more=(201,), tagged=True, conditional=True,
        refusals=("not-found", "policy-wrong"), example={"text": EXAMPLE},
    ),
    Operation(
        "POST", "/v1/admin/programs/{program}/policy/try", "tryPolicy",
        "What a policy would say to the latest check of everybody, before it counts", Right.ADMINISTER, attempt,
        _TRIED, (PROGRAM_ID,), body=takes({"text": _TEXT}), most=MOST, refusals=("not-found", "policy-wrong"),
        example={"text": EXAMPLE},
    ),
    Operation(
        "GET", "/v1/admin/programs/{program}/policies", "listPolicies", "Every policy of a program, the newest first",
        Right.READ, list_policies, objects(policies=lists(VERSION)), (PROGRAM_ID,), refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/programs/{program}/policies/{number}", "showPolicyVersion", "One policy, with its text",
        Right.READ, show_version, _WITH_TEXT, (PROGRAM_ID, _number("number")), refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/programs/{program}/policies/{old}/{new}", "comparePolicies",
        "What differs between two policies", Right.READ, compare, objects(changes=lists(_CHANGE)),
        (PROGRAM_ID, _number("old"), _number("new")), refusals=("not-found",),
    ),
)  # fmt: skip
