"""Everybody on a list: on both engines, in short transactions, and nobody gets an address before all are durable."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from homecheck.collector import administration, mail_server, mass_invitation
from homecheck.collector.invitation_list import Entry, read
from homecheck.collector.mail_server import MailServer
from homecheck.collector.mass_invitation import AT_ONCE, Order, Preview
from homecheck.collector.problems import Problem
from homecheck.collector.store import settings
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.errors import SetupError
from tests.live_collector import PROGRAM, Site
from tests.people import Worker

LIFE = timedelta(hours=72)


def entries(text: str) -> tuple[Entry, ...]:
    found = read(text.encode(), [PROGRAM], PROGRAM)
    assert found.wrong == ()
    return found.entries


def order(token: str) -> Order:
    return Order(token, By("ada", "192.0.2.1"), datetime.now(UTC), LIFE)


def invite(site: Site, some: tuple[Entry, ...], token: str) -> dict[int, str]:
    codes: dict[int, str] = {}
    with opened(site.database) as db:
        for step in mass_invitation.steps(some, order(token)):
            with transaction(db):
                codes |= step(db)
    return codes


def test_everybody_is_invited_as_if_alone_and_the_audit_finds_nothing(site: Site) -> None:
    some = entries("name,phone\nÅsa Öberg,+46 8 123 456 78\nBo Berg,\n")
    codes = invite(site, some, "first")
    assert len(set(codes.values())) == 2
    assert Worker(site.url).enrol(codes[2]).status_code == 201
    assert Worker(site.url).enrol(codes[2]).status_code in (409, 410)
    told = site.browse_database(
        "SELECT kind FROM event WHERE kind IN ('invited', 'invited-list', 'phone-on-file') ORDER BY id"
    )
    assert told == ["invited-list", "phone-on-file", "invited", "invited"]
    assert site.defects() == []


def test_who_is_here_already_is_the_same_person_and_may_get_another_number(site: Site) -> None:
    administration.invite(site.database, PROGRAM, "Cia Carl", LIFE, "a test", datetime.now(UTC), "+46 8 111 111 11")
    some = entries("name,phone\nCia Carl,+46 8 222 222 22\nDan Dahl,+46 8 333 333 33\n")
    with opened(site.database) as db:
        assert mass_invitation.preview(db, some) == Preview(((PROGRAM, 2),), 1, 1)
    invite(site, some, "second")
    with opened(site.database) as db:
        assert mass_invitation.preview(db, some) == Preview(((PROGRAM, 2),), 2, 0)
    assert site.browse_database("SELECT phone FROM person WHERE name = 'Cia Carl'") == ["+46822222222"]
    assert site.browse_database(
        "SELECT COUNT(*) FROM invite JOIN person ON person.id = person WHERE name = 'Cia Carl'"
    ) == [2]
    # An empty cell takes no number away.
    invite(site, entries("name,phone\nCia Carl,\n"), "third")
    assert site.browse_database("SELECT phone FROM person WHERE name = 'Cia Carl'") == ["+46822222222"]
    assert site.defects() == []


def test_a_list_is_sent_once(site: Site) -> None:
    some = entries("name\nEva Ek\n")
    invite(site, some, "once")
    with pytest.raises(Problem, match="each address was shown once"):
        invite(site, some, "once")
    invite(site, some, "another")


def test_what_ends_in_between_has_told_nobody_anything_and_can_be_sent_again(site: Site) -> None:
    some = entries("name\n" + "".join(f"Person {one}\n" for one in range(2 * AT_ONCE)))
    with opened(site.database) as db:
        for step in islice(mass_invitation.steps(some, order("broken")), 2):  # the note, and the first part
            with transaction(db):
                step(db)
    assert site.browse_database("SELECT COUNT(*) FROM person WHERE name LIKE 'Person %'") == [AT_ONCE]
    assert site.defects() == []
    codes = invite(site, some, "whole")
    assert len(codes) == 2 * AT_ONCE
    assert site.browse_database("SELECT COUNT(*) FROM person WHERE name LIKE 'Person %'") == [2 * AT_ONCE]
    assert site.defects() == []


def test_the_list_comes_back_with_addresses_and_without_formulas(site: Site) -> None:
    some = entries("name,email,phone,language\nFia Falk,f@example.com,+46 8 444 444 44,sv\n")
    codes = invite(site, some, "printed")
    (row,) = csv.DictReader(
        io.StringIO("".join(mass_invitation.as_csv(some, codes, site.url, datetime.now(UTC) + LIFE)), newline="")
    )
    assert row["address"] == f"{site.url}/invite/{codes[2]}"
    assert (row["email"], row["phone"], row["language"], row["program"]) == (
        "f@example.com", "'+46844444444", "sv", PROGRAM,
    )  # fmt: skip


def test_uploads_wait_for_a_part_of_a_list_and_not_for_all_of_it(site: Site) -> None:
    """The parts are transactions of their own: between two of them somebody else writes."""
    worker = site.worker(name="Gun Gran")
    some = entries("name\n" + "".join(f"Many {one}\n" for one in range(3 * AT_ONCE)))
    with opened(site.database) as db:
        for step in mass_invitation.steps(some, order("between")):
            with transaction(db):
                step(db)
            assert worker.check().status_code == 201


def test_whoever_has_a_mail_address_gets_a_letter_and_the_others_an_address(site: Site) -> None:
    some = entries("name,email,language\nEva Ek,eva@example.com,sv-FI\nFia Falk,,es\nGus Gran,gus@example.com,de\n")
    with pytest.raises(SetupError, match="no mail server was named yet"):
        administration.invite_list(site.database, some, LIFE, "ada", datetime.now(UTC), by_mail=True)
    with opened(site.database) as db, transaction(db):
        folder = settings.read(db).keys_folder(site.database)
        server = MailServer("127.0.0.1", 9, "starttls", "", "it@example.com")  # nobody listens: letters wait
        mail_server.configure(db, folder, server, "", by=By("a test"), now=datetime.now(UTC))
    wrong = entries("name,email\nHal Hult,hal@example\n")
    with pytest.raises(SetupError, match="line 2: 'hal@example' is no mail address"):
        administration.invite_list(site.database, wrong, LIFE, "ada", datetime.now(UTC), by_mail=True)
    lines = "".join(administration.invite_list(site.database, some, LIFE, "ada", datetime.now(UTC), by_mail=True))
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(lines))}
    assert (rows["Eva Ek"]["address"], rows["Eva Ek"]["valid_until"]) == ("", "")
    assert rows["Fia Falk"]["address"].startswith(f"{site.url}/invite/")
    letters = "SELECT person.name FROM letter JOIN person ON person.id = letter.person ORDER BY person.name"
    assert site.browse_database(letters) == ["Eva Ek", "Gus Gran"]
    contacts = site.browse_database("SELECT address FROM contact ORDER BY address")
    assert contacts == ["eva@example.com", "gus@example.com"]
    languages = site.browse_database("SELECT language FROM contact ORDER BY address")
    assert languages == ["sv", ""]  # no letter is written in German: it comes in the program's language
    assert site.browse_database("SELECT COUNT(*) FROM person WHERE name = 'Hal Hult'") == [0]
    assert site.defects() == []
