"""The mail server, and what became of the letters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, cast

from homecheck.collector import etags, mail_server, trial_letter
from homecheck.collector.api.members import PERSON, person
from homecheck.collector.api.operation import (
    BOOLEAN,
    INTEGER,
    LIMITED,
    TEXT,
    Call,
    Json,
    Operation,
    Reply,
    at,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.mail_server import SECURITIES, MailServer, Security
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import mail as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.mail import Letter
from homecheck.errors import SetupError

PATH: Final = "/v1/admin/mail-server"
_SERVER: Final = objects(
    host=TEXT, port=INTEGER, security={"type": "string", "enum": list(SECURITIES)}, user=TEXT, sender=TEXT
)
_LETTER: Final = objects(
    id=TEXT, kind=TEXT, person=PERSON, made_at=moment(), made_by=TEXT, state=TEXT, attempts=INTEGER,
    next_at=nullable(moment()), error=TEXT,
)  # fmt: skip


def show_server(call: Call) -> Reply:
    """Show the mail server that letters leave by, never its password."""
    found = mail_server.configured(call.db)
    if found is None:
        raise Problem("not-found", "no mail server was named yet")
    return Reply(asdict(found), etag=etags.etag(asdict(found)))


def set_server(call: Call) -> Reply:
    """Name the mail server. The password is sent each time: a kept one must not go to another server."""
    server, password = _server(call)
    by, now, folder = call.by, call.now, call.collector.keys_folder

    def work(db: Connection) -> None:
        before = mail_server.configured(db)
        if before is not None:
            etags.check(call.if_match, etags.etag(asdict(before)))
        mail_server.configure(db, folder, server, password, by=by, now=now)

    call.write(work)
    return Reply(asdict(server), etag=etags.etag(asdict(server)))


def test_server(call: Call) -> Json:
    """Send a letter that says nothing, now, and tell what the server said."""
    address = call.body.text("address", max_length=254)
    call.body.done()
    try:
        said = trial_letter.send(call.collector, call.db, address, call.now)
    except SetupError as error:
        raise Problem("bad-request", error.message, advice=error.advice) from None
    return {"taken": not said, "error": said}


def list_letters(call: Call) -> Json:
    """List the latest letters, and what became of them."""
    return {"letters": [_letter(one) for one in store.recent(call.db, call.limit, call.scope(Right.INVITE))]}


def _server(call: Call) -> tuple[MailServer, str]:
    body = call.body
    host, port = body.text("host", max_length=253), body.integer("port", least=1)
    security = cast(Security, body.text("security", max_length=20))
    user = body.text("user", max_length=200) if body.has("user") else ""
    password = body.text("password", max_length=1_000) if body.has("password") else ""
    sender = body.text("sender", max_length=300)
    body.done()
    if bool(user) != bool(password):
        raise Problem("bad-request", "user and password belong together", advice="Send both, or neither.")
    try:
        return MailServer(host, port, security, user, sender), password
    except SetupError as error:
        raise Problem("bad-request", error.message, advice=error.advice) from None


def _letter(one: Letter) -> Json:
    return {
        "id": one.id,
        "kind": one.kind,
        "person": person(one.person),
        "made_at": at(one.made_at),
        "made_by": one.by,
        "state": one.state,
        "attempts": one.attempts,
        "next_at": at(one.next_at),
        "error": one.error,
    }


OPERATIONS: Final = (
    Operation(
        "GET", PATH, "showMailServer", "The mail server that letters leave by, without its password", Right.ADMINISTER,
        show_server, _SERVER, everywhere=True, tagged=True, refusals=("not-found",),
    ),
    Operation(
        "PUT", PATH, "setMailServer",
        "Name the mail server. If-Match is needed where one was named; the password is sent each time",
        Right.ADMINISTER, set_server, _SERVER,
        body=takes(
            {
                "host": {**text(most=253), "minLength": 1},
                "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
                "security": {"type": "string", "enum": list(SECURITIES)},
                "sender": {**text(most=300), "minLength": 3, "description": "Like Acme IT <it@acme.example>."},
            },
            {"user": text(), "password": {**text(most=1_000), "writeOnly": True}},
        ),
        everywhere=True, tagged=True, conditional=True,
        example={"host": "smtp.example.com", "port": 587, "security": "starttls", "sender": "IT <it@example.com>"},
    ),
    Operation(
        "POST", f"{PATH}/test", "testMailServer", "Send a letter that says nothing, now; tells what the server said",
        Right.ADMINISTER, test_server, objects(taken=BOOLEAN, error=TEXT),
        body=takes({"address": {**text(most=254), "minLength": 3}}), everywhere=True, refusals=("no-mail-server",),
        example={"address": "you@example.com"},
    ),
    Operation(
        "GET", "/v1/admin/letters", "listLetters", "The latest letters, and what became of them", Right.INVITE,
        list_letters, objects(letters=lists(_LETTER)), (LIMITED,),
    ),
)  # fmt: skip
