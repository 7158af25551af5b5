"""Letters through a real mail server: invitations that work, reminders by day, failures that are told."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path

import pytest

from homecheck.collector import administration, audit_outside, erasing, letters, mail_server, setup
from homecheck.collector.mail_server import MailServer, NotSent, check_address
from homecheck.collector.postman import AT_ONCE, WAITS, Postman, allowed_at
from homecheck.collector.store import mail as store
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.mail import Contact, Letter
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.errors import SetupError
from homecheck.policy import parse_policy
from homecheck.standards.rfc_3339 import from_text
from tests.certificates import make_certificate
from tests.live_collector import Site, in_thread, set_up
from tests.mail_server import PASSWORD, USER, MailBox
from tests.mail_server import mail_server as serving_mail
from tests.many_people import Many, fill
from tests.people import PASSES, POLICY_TEXT, Worker

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ADA = Contact("ada@home.example", "Europe/Stockholm")


@pytest.fixture(scope="module", autouse=True)
def the_collectors_own_postman_stays_at_home() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Postman, "start", lambda _: None)  # it goes by today's clock, and letters here by another
        yield


@contextmanager
def postman(site: Site, at: datetime = NOON) -> Iterator[Postman]:
    """A postman who is told the time, beside the collector that serves; it does nothing by itself."""
    collector = setup.load(site.database)
    collector.writer.start()
    try:
        yield Postman(replace(collector, clock=lambda: at))
    finally:
        collector.writer.stop()
        collector.readers.close()


def use(site: Site, box: MailBox, security: str = "none", user: str = "", password: str = "") -> None:
    server = MailServer("127.0.0.1", box.port, security, user, "Example Inc. <it@example.com>")  # type: ignore[arg-type]
    with opened(site.database) as db, transaction(db):
        mail_server.configure(
            db, setup.load(site.database).keys_folder, server, password, by=By("a test"), now=datetime.now(UTC)
        )


def every_letter(site: Site) -> list[Letter]:
    with opened(site.database) as db:
        return store.recent(db, 1000)


def letter_of(site: Site, letter_id: str) -> Letter:
    return next(one for one in every_letter(site) if one.id == letter_id)


def invited(site: Site, name: str, contact: Contact = ADA, at: datetime = NOON) -> str:
    return administration.invite_by_mail(site.database, "support", name, "a test", at, contact)


def test_an_invitation_by_mail_enrols_and_its_code_is_in_no_database(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
        letter_id = invited(site, "Ada Lövelace")
        with postman(site, datetime.now(UTC).replace(hour=12)) as one:
            one.tick()
        assert letter_of(site, letter_id).state == "sent"
    (letter,) = box.letters
    text = letter.get_content()
    code = re.search(rf"{re.escape(site.url)}/invite/(\S+)", text)
    assert code is not None
    assert box.recipients == ["ada@home.example"]
    assert "Hello Ada Lövelace" in text
    assert (letter["From"], letter["Auto-Submitted"]) == ('"Example Inc." <it@example.com>', "auto-generated")
    assert max(len(line) for line in text.splitlines()) <= 78
    for hidden in ("SELECT code_sha256 FROM invite", "SELECT detail FROM event", "SELECT about FROM event"):
        assert not [value for value in site.browse_database(hidden) if code[1] in str(value)]
    assert Worker(site.url, PASSES).enrol(code[1]).status_code == 201


def test_of_very_many_missed_check_ins_some_are_noted_at_a_time_so_that_uploads_go_on(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    with opened(site.database) as db:
        fill(db, Many(90, 90, NOON - timedelta(days=60), ["support"]))
    noted: list[int] = []

    def count(_: int, __: float) -> None:
        noted.append(int(str(site.browse_database("SELECT COUNT(*) FROM event WHERE kind = 'check-in-missed'")[0])))

    with postman(site) as one:
        one.collector.writer.observe = count
        one.tick()
        one.tick()  # nobody twice
    assert noted[-1] == 90
    assert max(after - before for before, after in pairwise([0, *noted])) == AT_ONCE


def test_a_letter_that_is_refused_takes_its_invitation_back_and_comes_again(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
        box.refuse[None] = "451 try later\x07"
        letter_id = invited(site, "Bo", Contact("bo@home.example"))
        before = site.browse_database("SELECT COUNT(*) FROM invite")
        with postman(site) as one:
            one.tick()
        waits = letter_of(site, letter_id)
        assert (waits.state, waits.attempts, waits.next_at) == ("waiting", 1, NOON + WAITS[0])
        assert waits.error == "the mail server answered 451 try later "
        assert site.browse_database("SELECT COUNT(*) FROM invite") == before
        box.refuse.clear()
        with postman(site, NOON + timedelta(minutes=4)) as one:
            one.tick()
        assert not box.letters  # not yet
        with postman(site, NOON + timedelta(minutes=6)) as one:
            one.tick()
        assert letter_of(site, letter_id).state == "sent"
        assert len(box.letters) == 1


def test_a_mailbox_that_does_not_exist_is_given_up_at_once_and_noted(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
        box.refuse["nobody@home.example"] = "550 no such user"
        now = datetime.now(UTC)  # the audit minds a time that does not fit
        by_day = f"Etc/GMT{now.hour - 12:+d}"  # where it is about noon
        letter_id = invited(site, "Nobody", Contact("nobody@home.example", by_day), now)
        with postman(site, now) as one:
            one.tick()
    found = letter_of(site, letter_id)
    assert (found.state, found.next_at) == ("given-up", None)
    assert "550 no such user" in found.error
    assert letter_id in site.browse_database("SELECT about FROM event WHERE kind = 'letter-given-up'")
    assert not [defect for defect in site.defects() if "letter" in defect]
    told = site.browse_database("SELECT detail FROM event WHERE kind = 'invite-withdrawn'")
    assert "its letter did not leave" in told
    assert "the row is gone, and no erasure tells of it" not in site.defects()  # the invitation that was withdrawn


def test_a_mail_server_that_is_away_is_tried_for_two_days(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
    letter_id, at = invited(site, "Kim"), NOON
    for _ in range(len(WAITS)):
        with postman(site, at) as one:
            one.tick()
        found = letter_of(site, letter_id)
        assert found.state == "waiting"
        assert found.next_at is not None
        at = found.next_at
        if not 8 <= at.hour < 18:  # by day in Stockholm
            at = at.replace(hour=12) + timedelta(days=at.hour >= 18)
    with postman(site, at) as one:
        one.tick()
    assert letter_of(site, letter_id).state == "given-up"


def test_at_night_a_letter_waits_for_the_morning_of_its_reader(site: Site) -> None:
    midnight = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)  # 00:30 in Stockholm
    with serving_mail() as box:
        use(site, box)
        letter_id = invited(site, "Night", at=midnight)
        with postman(site, midnight) as one:
            one.tick()
        found = letter_of(site, letter_id)
        assert (found.attempts, found.next_at) == (0, datetime(2026, 11, 27, 7, tzinfo=UTC))
        assert not box.letters
        with postman(site, datetime(2026, 11, 27, 7, 1, tzinfo=UTC)) as one:
            one.tick()
        assert letter_of(site, letter_id).state == "sent"


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-11-26T12:00:00.000Z", "America/New_York", "2026-11-26T13:00:00.000Z"),  # 07:00 there
        ("2026-11-26T14:00:00.000Z", "America/New_York", "2026-11-26T14:00:00.000Z"),
        ("2026-11-27T01:00:00.000Z", "America/New_York", "2026-11-27T13:00:00.000Z"),  # 20:00 there
        ("2026-03-28T22:00:00.000Z", "Europe/Stockholm", "2026-03-29T06:00:00.000Z"),  # the clocks go forward
        ("2026-11-26T20:00:00.000Z", "Asia/Kolkata", "2026-11-27T02:30:00.000Z"),
        ("2026-11-26T20:00:00.000Z", "", "2026-11-27T08:00:00.000Z"),
        ("2026-11-26T12:00:00.000Z", "No/Where", "2026-11-26T12:00:00.000Z"),
    ],
)
def test_letters_leave_by_day(now: str, zone: str, expected: str) -> None:
    assert allowed_at(from_text(now), zone) == from_text(expected)


def missed_events(site: Site) -> list[object]:
    return site.browse_database("SELECT about FROM event WHERE kind = 'check-in-missed'")


def test_a_missed_check_in_is_noted_once_and_reminded_of_until_the_check_comes(
    tmp_path: Path, new_database: Callable[[Path], Database]
) -> None:
    with in_thread(tmp_path, database=new_database(tmp_path)) as site, serving_mail() as box:
        use(site, box)
        worker, silent = site.worker(), site.worker(name="Silent")
        for one in (worker, silent):
            assert one.check().status_code == 201
        (reached,) = site.browse_database(f"SELECT id FROM person WHERE name = '{PASSES.name}'")
        with opened(site.database) as db, transaction(db):
            store.set_contact(db, str(reached), ADA)
        start = datetime.now(UTC).replace(hour=12, minute=0) + timedelta(days=1)
        days = timedelta(days=1)
        with postman(site, start + 28 * days) as early:
            early.tick()
        assert (missed_events(site), box.letters) == ([], [])
        for later in (31, 31, 32):  # the policy asks for a check every 30 days
            with postman(site, start + later * days) as one_postman:
                one_postman.tick()
        assert len(missed_events(site)) == 2  # both, each once; only one has an address
        assert len(box.letters) == 1
        assert "homecheck check" in box.letters[0].get_content()
        (first,) = {one.about for one in every_letter(site)}
        assert worker.check().status_code == 201
        with postman(site, start + 39 * days) as last:
            last.tick()
        states = sorted(one.state for one in every_letter(site) if one.about == first)
        assert states == ["not-needed", "sent"]


def test_erasing_a_person_erases_their_address_and_letters(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
        letter_id = invited(site, "Gone")
    erasing.erase_person(site.database, "support", "Gone", "a test", datetime.now(UTC))
    assert letter_id not in [one.id for one in every_letter(site)]
    assert site.browse_database("SELECT person FROM contact WHERE person NOT IN (SELECT id FROM person)") == []


def a_letter() -> EmailMessage:
    return letters.letter("it@example.com", "ada@home.example", "test", NOON, ("Test ü", "Text"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd does not see its own TLS port
@pytest.mark.parametrize("implicit", [True, False])
def test_tls_and_a_password_with_a_letter_beyond_ascii(tmp_path: Path, implicit: bool) -> None:
    context, certificate = make_certificate(tmp_path, "127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(certificate))
    with serving_mail(context, implicit=implicit) as box:
        server = MailServer("127.0.0.1", box.port, "tls" if implicit else "starttls", USER, "it@example.com")
        mail_server.send(server, PASSWORD, a_letter(), trusting)
        assert (len(box.letters), box.signed_in) == (1, [True])
        with pytest.raises(NotSent, match="refused our password: 535") as wrong:
            mail_server.send(server, "wrong", a_letter(), trusting)
        assert not wrong.value.lasting
        with pytest.raises(NotSent, match=r"its certificate is not trusted here: .*SSL_CERT_FILE"):
            mail_server.send(server, PASSWORD, a_letter())


def test_a_server_without_starttls_gets_no_letter_in_clear_text() -> None:
    with serving_mail() as box:
        server = MailServer("127.0.0.1", box.port, "starttls", "", "it@example.com")
        with pytest.raises(NotSent, match="STARTTLS"):
            mail_server.send(server, "", a_letter())
        assert not box.letters


@pytest.mark.parametrize(
    "text",
    ["", "ada", "ada@", "@home.example", "ada@home", "a@b@home.example", "ada lo@home.example",
     "ada@home.example\nBcc: x@y.example", "<ada@home.example>", "ada@home.example,bo@home.example",
     "a" * 250 + "@x.example", '"ada"@home.example'],
)  # fmt: skip
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(SetupError):
        check_address(text)


@pytest.mark.parametrize(
    "text", ["ada@home.example", "ada+work@mail.home.example", "o'brien@home.example", "jörg@bücher.example"]
)
def test_what_is_a_mail_address_is_taken(text: str) -> None:
    assert check_address(text) == text


def test_letters_never_travel_unencrypted_beyond_this_computer() -> None:
    with pytest.raises(SetupError, match="unencrypted"):
        MailServer("smtp.example.com", 25, "none", "", "it@example.com")


@pytest.mark.parametrize(
    ("host", "sender", "why"),
    [
        ("smtp..example.com", "it@example.com", "no name of a server"),
        ("s" * 64 + ".example.com", "it@example.com", "no name of a server"),
        ("smtp.example.com", "Acme\r\n <it@example.com>", "no sender"),
    ],
)
def test_a_mail_server_by_which_no_letter_could_leave_is_not_set(
    tmp_path: Path, host: str, sender: str, why: str
) -> None:
    with in_thread(tmp_path) as site, opened(site.database) as db, transaction(db):
        folder = setup.load(site.database).keys_folder
        server = MailServer(host, 587, "starttls", "", sender)
        with pytest.raises(SetupError, match=why):
            mail_server.configure(db, folder, server, "", by=By("a test"), now=NOON)
        assert mail_server.configured(db) is None


def test_a_mail_server_without_a_possible_name_takes_nothing_and_may_be_tried_again() -> None:
    """As an older version has stored it: the postman must live to see it corrected."""
    server = MailServer("smtp..example.com", 587, "starttls", "", "Acme\r\n <it@example.com>")
    made = letters.letter(server.sender, "ada@home.example", "x", NOON, ("A test", "Text"))
    assert made["From"] == "Acme <it@example.com>"
    with pytest.raises(NotSent) as failed:
        mail_server.send(server, "", made)
    assert not failed.value.lasting


def test_a_program_that_never_asks_for_another_check_misses_none_and_keeps_nobodys_letters(tmp_path: Path) -> None:
    never = parse_policy(f'recheck = "999999d"\n{POLICY_TEXT}', "never.toml")
    with in_thread(tmp_path) as site, serving_mail() as box:
        use(site, box)
        administration.publish_policy(site.database, "support", never, "a test", NOON)
        assert site.worker().check().status_code == 201
        invited(site, "Ada")
        with postman(site) as one:
            one.tick()
        assert (missed_events(site), len(box.letters)) == ([], 1)


def test_without_a_mail_server_nobody_is_invited_by_mail(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site, pytest.raises(SetupError, match="no mail server"):
        invited(site, "Ada")


def test_a_program_whose_title_has_a_line_break_makes_no_header() -> None:
    made = letters.letter("it@example.com", "ada@home.example", "x", NOON, ("A\r\nBcc: eve@evil.example", "Text"))
    assert made["Bcc"] is None
    assert made["Subject"] == "A Bcc: eve@evil.example"


def letters_to(site: Site, box: MailBox, at: datetime) -> dict[str, tuple[str, str]]:
    """Return subject and text of each letter by the name that it greets."""
    with postman(site, at) as one:
        one.tick()
    told = [(letter["Subject"], " ".join(letter.get_content().split())) for letter in box.letters]
    return {text.split(maxsplit=2)[1].rstrip(",:"): (subject, text) for subject, text in told}


def test_letters_are_in_the_language_of_the_invitation_or_else_of_the_program(
    tmp_path: Path, new_database: Callable[[Path], Database]
) -> None:
    with in_thread(tmp_path, database=new_database(tmp_path)) as site, serving_mail() as box:
        use(site, box)
        at = datetime.now(UTC).replace(hour=12)
        invited(site, "Åsa", replace(ADA, language="sv"), at)
        invited(site, "Inés", replace(ADA, language="es"), at)
        invited(site, "Eve", replace(ADA, language="en"), at)
        administration.set_language(site.database, "support", "sv", "a test", at)
        invited(site, "Örjan", ADA, at)
        found = letters_to(site, box, at)
        assert {name: subject for name, (subject, _) in found.items()} == {
            "Åsa": "Din inbjudan: Support line, Example Inc.",
            "Inés": "Su invitación: Support line, Example Inc.",
            "Eve": "Your invitation: Support line, Example Inc.",
            "Örjan": "Din inbjudan: Support line, Example Inc.",
        }
        assert "Skicka den inte vidare." in found["Örjan"][1]
        assert "No se envía nada antes de que usted acepte." in found["Inés"][1]
        for name in ("Åsa", "Inés"):  # the address is the same in every language, and whole
            code = re.search(rf"{re.escape(site.url)}/invite/(\S+)", found[name][1])
            assert code is not None
            worker = Worker(site.url, PASSES)
            assert worker.enrol(code[1]).status_code == 201
            assert worker.check().status_code == 201
        box.letters.clear()
        later = letters_to(site, box, at + timedelta(days=31))
        assert {name: subject for name, (subject, _) in later.items()} == {
            "Åsa": "Dags för din nästa kontroll: Support line, Example Inc.",
            "Inés": "Le toca la próxima comprobación: Support line, Example Inc.",
        }
        assert re.search(r"kom \d{4}-\d\d-\d\d, och nu är det dags", later["Åsa"][1])
        assert not [one for one in site.defects() if "its time does not fit" not in one]  # a month had not gone by


@pytest.mark.parametrize("language", ["de", "SV", "sv-SE", "../sv", "x" * 50])
def test_a_language_that_there_is_none_of_is_refused_and_nothing_is_kept(site: Site, language: str) -> None:
    with serving_mail() as box:
        use(site, box)
        before = site.browse_database("SELECT COUNT(*) FROM contact")
        with pytest.raises(SetupError, match="no letter is written in"):
            invited(site, f"Lang {language}"[:50], replace(ADA, language=language))
    with pytest.raises(SetupError, match="language"):
        administration.set_language(site.database, "support", language, "a test", NOON)
    assert site.browse_database("SELECT COUNT(*) FROM contact") == before


def test_a_language_that_is_edited_in_the_database_is_found(site: Site) -> None:
    with serving_mail() as box:
        use(site, box)
        invited(site, "Edited", replace(ADA, language="sv"), datetime.now(UTC))
    with opened(site.database) as db:
        db.execute("UPDATE contact SET language = 'es' WHERE language = 'sv'")
        assert any("mail address" in one.what for one in audit_outside.contacts(db))
        db.execute("UPDATE contact SET language = 'sv' WHERE language = 'es'")


def test_what_the_company_has_written_is_never_taken_for_a_message_of_ours() -> None:
    program = Program(
        "p",
        "{who} {0}",
        "not measured: {x}",
        30,
        NOON,
        PolicyVersion(1, NOON, "a test", parse_policy(POLICY_TEXT, "test policy")),
    )
    subject, text = letters.Writer("Evil {url}", "https://c.example", "sv").invitation(program, "no {code}", "a", NOON)
    assert subject == "Din inbjudan: {who} {0}, Evil {url}"
    assert "Vad det är till för: not measured: {x}" in text
    assert text.startswith("Hej no {code},")
