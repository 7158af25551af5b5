"""A letter that says nothing, sent now, to see whether the mail server takes letters of ours."""

from __future__ import annotations

from datetime import datetime

from homecheck import durable
from homecheck.collector import letters, mail_server
from homecheck.collector.context import Collector
from homecheck.collector.mail_server import NotSent
from homecheck.collector.problems import Problem
from homecheck.collector.store.database import Connection


def send(collector: Collector, db: Connection, address: str, now: datetime) -> str:
    """Return why the server has not taken it; nothing when it has. SetupError for no address, Problem for no server."""
    server = mail_server.configured(db)
    if server is None:
        raise Problem("no-mail-server", "no mail server was named yet", advice="See: homecheck collector mail set")
    text = ("A test of homecheck", f"This letter from {collector.name} says that its mail server is set up.")
    password = durable.read(collector.keys_folder / mail_server.PASSWORD) or b""
    made = letters.letter(server.sender, mail_server.check_address(address), f"test.{now.timestamp():.0f}", now, text)
    try:
        mail_server.send(server, password.decode(), made)
    except NotSent as error:
        return str(error)
    return ""
