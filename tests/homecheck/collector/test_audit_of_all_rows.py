"""A collector in which everything has happened is clean; then one row is edited by hand, and `verify-log` names it.

What the log's entries themselves show is in test_audit.py; here it is the rows that are no entries: people, keys,
invitations, policies, findings, results, responders, and erasures and gaps that make no sense.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import rotation
from homecheck.cli.collector_log import verify_log
from homecheck.clock import utc_now
from homecheck.collector import administration, contacts, erasing, program_changes, setup, tokens, webhooks
from homecheck.collector.reappraisal import reappraise
from homecheck.collector.store import events, log, tally
from homecheck.collector.store import people as people_store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.mail import Contact
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.collector.waivers import Asked
from homecheck.keys import SoftwareKey
from homecheck.policy import parse_policy
from homecheck.result import verify_result
from homecheck.signing import RESULT
from homecheck.standards.rfc_6962 import Frontier
from homecheck.tlog_proof import salted_leaf
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, POLICY_TEXT, Worker

SAID = "quantity, verdict, severity, explanation, advice, reason, at_fault, trust"

SOFTWARE = {"name": "homecheck", "version": "1", "python": "3", "system": "s"}
ADA, BO = "Ada Lovelace", "Bo Ek"
RESPONDER = "https://responder.example"


def rotated(worker: Worker) -> Worker:
    heir = replace(worker, key=SoftwareKey.generate("ES256"), seq=0)
    letter = rotation.request(worker.key, heir.key, worker.url, SOFTWARE, datetime.now(UTC))
    assert worker.post("/v1/keys/rotation", letter).status_code == 201
    return heir


def everything(site: Site) -> None:
    """Do all that leaves an event, by the ways that are open to people."""
    database, by = site.database, "a test"
    responder, other = SoftwareKey.generate().public, SoftwareKey.generate().public
    administration.pin_responder(database, RESPONDER, responder, by, utc_now())
    administration.pin_responder(database, RESPONDER, other, by, utc_now())
    administration.pin_responder(database, "https://old.example", responder, by, utc_now())
    administration.remove_responder(database, "https://old.example", by, utc_now())
    people(site)
    stricter = parse_policy(POLICY_TEXT.replace("at_least = 10", "at_least = 20").replace('"3"', '"4"'), "stricter")
    administration.publish_policy(database, PROGRAM, stricter, by, utc_now())
    with opened(database) as db, transaction(db):
        described = program_changes.Description("Support line", "To see whether your home is ready.", 200, "sv")
        program_changes.change(db, PROGRAM, described, by=By(by), now=utc_now())
    milder = POLICY_TEXT.replace('reason = "Bluetooth squeezes the voice."', 'reason = "It squeezes."')
    administration.publish_policy(database, PROGRAM, parse_policy(milder, "milder"), by, utc_now())
    assert any(one.changed for one in reappraise(database, PROGRAM, by, utc_now()))
    for name in ("Gone One", "Gone Two"):
        gone = site.worker(name=name)
        assert gone.check().status_code == 201
        assert gone.ask("result").ok
        erasing.erase_person(database, PROGRAM, name, by, utc_now())
    administration.add_user(database, "bo", "viewer", by, utc_now())
    administration.sign_in_link(database, "bo", by, utc_now())
    tokens.add_at_command_line(database, "bo", "goes with bo", ("read",), "", timedelta(days=1), by)
    administration.remove_user(database, "bo", by, utc_now())
    access(database)
    outside(database)
    exceptions(database)


def access(database: Database) -> None:
    administration.add_user(database, "rut", "reviewer", "a test", utc_now(), PROGRAM)
    administration.set_role(database, "rut", "", "viewer", "a test", utc_now())
    for label in ("for the wallboard", "lost, for rut, until today"):
        added = tokens.add_at_command_line(database, "rut", label, ("read",), PROGRAM, timedelta(days=9), "a test")
    tokens.revoke_at_command_line(database, added.split("_")[1], "a test")


def outside(database: Database) -> None:
    by = By("a test")
    with opened(database) as db, transaction(db):
        for url in ("https://a.example/in", "https://b.example/in"):
            one = webhooks.add(db, url, PROGRAM, ("security.*",), by, utc_now(), ())
            webhooks.rotate(db, one.id, by, utc_now())
        webhooks.remove(db, one.id, by, utc_now())
        ada = people_store.person_called(db, PROGRAM, ADA)
        assert ada is not None
        for address in ("old@example.com", "ada@example.com"):
            contact = Contact(address, "Europe/Stockholm")
            contacts.put_mail(db, ada, contact, by=by, now=utc_now())


def exceptions(database: Database) -> None:
    now = utc_now()
    for quantity in ("room.noise", "network.download"):
        wanted = Asked(PROGRAM, ADA, quantity, "It comes.", now, now + timedelta(days=9))
        one = administration.grant_waiver(database, wanted, "a test", now)
    administration.revoke_waiver(database, one.id, "It came.", "a test", now)


def people(site: Site) -> None:
    ada = site.worker(FAILS, ADA)
    administration.invite(site.database, PROGRAM, ADA, timedelta(hours=1), "a test", utc_now(), phone="+46 8 123456")
    evidence = ada.evidence(ada.challenge())
    assert ada.upload(evidence).status_code == 201
    assert ada.upload(replace(evidence, seq=99)).status_code == 409  # id-conflict
    assert ada.ask("result").ok  # it is made when somebody asks
    heir = rotated(ada)
    forked = rotation.request(ada.key, SoftwareKey.generate(), ada.url, SOFTWARE, datetime.now(UTC))
    assert ada.post("/v1/keys/rotation", forked).status_code == 409  # key-forked
    assert heir.check().status_code == 201
    bo = site.worker(name=BO)
    code = site.invite(BO)
    second = Worker(site.url)
    assert second.enrol(code).status_code == 201  # key-retired
    assert Worker(site.url).enrol(code).status_code == 409  # invite-reused
    assert bo.upload(bo.evidence()).json()["type"] == "/problems/key-revoked"
    assert second.check().status_code == 201
    second.seq = 0
    assert second.check().status_code == 201  # seq-repeated
    administration.revoke_device(site.database, second.key.public.kid, "a test", utc_now(), "stolen: a laptop")
    third = site.worker(name="Cy Ö")
    assert third.upload(third.evidence()).status_code == 201  # made offline
    assert third.ask("result").ok
    administration.revoke_device(site.database, third.key.public.kid, "a test", utc_now())


KINDS = {
    "set-up", "program-added", "program-changed", "policy-published", "invited", "phone-on-file", "key-enrolled",
    "id-conflict",
    "key-rotated", "key-forked", "key-retired", "invite-reused", "seq-repeated", "device-revoked", "judged-again",
    "erased", "user-added", "sign-in-link", "user-removed", "responder-added", "responder-removed",
    "role-changed", "token-added", "token-revoked", "webhook-added",
    "webhook-rotated", "webhook-removed", "mail-on-file", "waiver-granted", "waiver-revoked",
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("everything")
    with in_thread(folder) as site:
        everything(site)
    return folder


@dataclass
class Case:
    """A copy of the template, and what `verify-log` says of it."""

    database: Database
    db: Connection
    capture: pytest.CaptureFixture[str]

    def verify(self) -> tuple[int, list[dict[str, object]]]:
        """Run the command; return its exit status and what it names."""
        self.capture.readouterr()
        status = verify_log(self.database, None, None, (), "json")
        return status, json.loads(self.capture.readouterr().out)["defects"]

    def edit(self, sql: str, *values: object) -> None:
        """Change rows past the collector; something must really have changed."""
        self.db.execute("PRAGMA foreign_keys=OFF")
        assert self.db.execute(sql, values).rowcount > 0

    def one(self, sql: str, *values: object) -> str:
        return str(self.db.execute(sql, values).fetchone()[0])


@pytest.fixture
def case(template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Case]:
    shutil.copytree(template, tmp_path / "copy")
    database = SqliteDatabase(tmp_path / "copy" / "collector.db")
    with opened(database) as db:
        yield Case(database, db, capsys)


def test_a_collector_in_which_everything_has_happened_is_clean(case: Case) -> None:
    assert case.verify() == (0, [])
    assert {row[0] for row in case.db.execute("SELECT kind FROM event")} == KINDS


def test_a_name_with_a_colon_in_it_is_no_reason_for_which_a_key_was_revoked(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        for name, reason in (("Team: Ada", ""), ("Team: Bo", "stolen: on a train")):
            worker = site.worker(name=name)
            administration.revoke_device(site.database, worker.key.public.kid, "a test", utc_now(), reason)
        assert site.defects() == []


def test_on_both_engines_everything_is_clean_until_a_row_is_edited(
    tmp_path: Path, new_database: Callable[[Path], Database], capsys: pytest.CaptureFixture[str]
) -> None:
    database = new_database(tmp_path)
    with in_thread(tmp_path, database=database) as site:
        everything(site)
    capsys.readouterr()
    status = verify_log(database, None, None, (), "json")
    assert (status, json.loads(capsys.readouterr().out)["defects"]) == (0, [])
    with opened(database) as db, transaction(db):
        for table, column in EVERYWHERE:
            db.execute(f"UPDATE {table} SET {column} = '2020-01-01T00:00:00.000Z' WHERE {column} IS NOT NULL")
    assert verify_log(database, None, None, (), "json") == 3
    told = {(one["what"].split(" ")[0], one["message"].split(":")[0]) for one in told_in(capsys)}
    assert told >= {("person", "created_at"), ("device", "enrolled_at"), ("policy", "published_at")}
    assert told >= {("invitation", "created_at"), ("responder", "added_at"), ("program", "created_at")}
    assert any(what == "evidence" and message == "the result 0" for what, message in told)


def told_in(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)["defects"]
    return found


EVERYWHERE = (
    ("person", "created_at"), ("device", "enrolled_at"), ("policy_version", "published_at"), ("invite", "created_at"),
    ("responder", "added_at"), ("program", "created_at"), ("result", "made_at"),
)  # fmt: skip

A = f"(SELECT id FROM person WHERE name = '{ADA}')"
B = f"(SELECT id FROM person WHERE name = '{BO}')"
FIRST = f"(SELECT MIN(position) FROM evidence WHERE person = {A})"
AGAIN = "(SELECT position FROM result WHERE number = 1 LIMIT 1)"
OLD = "'2020-01-01T00:00:00.000Z'"
FREE = "redeemed_at IS NULL"

ONE_TOKEN = "api_token WHERE revoked_at IS NULL"

COUNTED = "changed fleet page: [0-9]+ of its numbers are not those of a count"
EDITS: dict[str, tuple[str, tuple[str, ...]]] = {
    # what was done: (SQL, what is said, each as a pattern for "WRONG what: message")
    "a limit of an older policy was raised": (
        "UPDATE policy_version SET members = replace(members, '\"at_least\":20', '\"at_least\":5') WHERE number = 2",
        ("digest policy version 2 of support: its limits or texts were edited: they have the digest sha256:",),
    ),
    "a text of the current policy was changed": (
        "UPDATE policy_version SET members = replace(members, 'It squeezes.', 'It costs.') WHERE number = 3",
        ("digest policy version 3 of support: its limits or texts were edited",),
    ),
    "a policy was blotted": (
        "UPDATE policy_version SET members = '{' WHERE number = 1", ("digest policy version 1 of support: its limits",),
    ),
    "a policy was exchanged with its digest": (
        "UPDATE policy_version SET members = (SELECT members FROM policy_version WHERE number = 2),"
        " digest = (SELECT digest FROM policy_version WHERE number = 2) WHERE number = 1",
        (
            "changed policy version 1 of support: the row says test-line 3 sha256:.* says 'it has the digest .*;"
            " policy test-line 3 sha256:",
            "removed policy sha256:.* of support: test-line 3 is not there, and receipts or results were signed",
        ),
    ),
    "a policy was given another name": (
        "UPDATE policy_version SET name = 'mild' WHERE number = 3",
        (
            "changed policy version 3 of support: the row says mild 3 sha256",
            "changed policy version 3 of support: name: the row says 'mild', a receipt or result .* says 'test-line'",
        ),
    ),
    "the time of a person's first check was blotted": (
        f"UPDATE evidence SET received_at = received_at || '0' WHERE position = {FIRST}",
        ("changed evidence .*: received_at: the row says '2",),
    ),
    "a policy was dated back": (
        f"UPDATE policy_version SET published_at = {OLD} WHERE number = 2",
        ("changed policy version 2 of support: published_at: the row says '2020",),
    ),
    "a policy was published by somebody else": (
        "UPDATE policy_version SET published_by = 'eve' WHERE number = 2",
        ("changed policy version 2 of support: published_by: the row says 'eve', the event in the log says 'a test'",),
    ),
    "a policy was removed": (
        "DELETE FROM policy_version WHERE number = 1",
        ("removed policy version 1 of support: the row is gone", "removed policy sha256:.* of support: test-line 3 is"),
    ),
    "a policy was put in": (
        "INSERT INTO policy_version (program, number, name, version, digest, members, published_at, published_by)"
        " SELECT program, 9, name, version, 'sha256:0', members, published_at, published_by"
        " FROM policy_version WHERE number = 3",
        ("inserted policy version 9 of support: no event tells that it was published",),
    ),
    "an older policy was put in force": (
        "UPDATE program SET policy = 1", ("changed program support: policy: the row says 1, the event .* says 3",),
    ),
    "a program was given another title": (
        "UPDATE program SET title = 'Support'",
        ("changed program support: its description: the row says 'Support; kept 200 days; letters in Svenska; To see"
         " whether your home is ready.', the event in the log says 'Support line; kept 200 days; letters in Svenska;",),
    ),
    "a program was given another purpose": (
        "UPDATE program SET purpose = 'For fun.'", ("changed program support: its description: .* days; .* For fun.'",),
    ),
    "results of a program were to be kept longer": (
        "UPDATE program SET retention_days = 3000", ("changed program support: its description: .* kept 3000 days;",),
    ),
    "letters of a program were put into another language": (
        "UPDATE program SET language = 'es'", ("changed program support: its description: .*letters in Español; To",),
    ),
    "the words of a program's description were parted otherwise": (
        "UPDATE program SET title = 'Support line; kept 200 days; letters in Svenska; To see', language = 'en',"
        " purpose = '', retention_days = 1", ("changed program support: its description: ",),
    ),
    "a program was put in": (
        "INSERT INTO program (id, title, purpose, retention_days, created_at, policy)"
        " SELECT 'sales', title, purpose, retention_days, created_at, policy FROM program",
        ("inserted program sales: no event tells that it was added",),
    ),
    "a program was removed": (
        "DELETE FROM program",
        ("removed program support: the row is gone", *("removed policy sha256:.* of support",) * 2),
    ),
    "a finding was explained away": (
        f"UPDATE finding SET explanation = 'all is well' WHERE position = {FIRST} AND quantity = 'network.download'",
        ("changed evidence sha256:.*: finding 0: network.download: explanation: the row says 'all is well', what was",),
    ),
    "advice was changed": (
        f"UPDATE finding SET advice = 'Send money.' WHERE position = {AGAIN} AND quantity = 'headset.transport'",
        ("changed evidence sha256:.*: finding 1: headset.transport: advice: the row says 'Send money.'",),
    ),
    "a finding was painted green": (
        f"UPDATE finding SET verdict = 'pass' WHERE position = {AGAIN} AND quantity = 'headset.transport'",
        ("changed evidence sha256:.*: finding 1: headset.transport: verdict: the row says 'pass', what was .* 'fail'",),
    ),
    "a finding was put in": (
        f"INSERT INTO finding (position, ordinal, {SAID}) SELECT position, 77, {SAID}"
        f" FROM finding WHERE position = {FIRST} AND ordinal = 0",
        ("changed evidence sha256:.*: finding 77: it was not signed",),
    ),
    "a second result was taken away": (
        "DELETE FROM result WHERE number = 1 AND position = (SELECT MAX(position) FROM result WHERE number = 1)",
        ("removed evidence sha256:.*: of its results, 0 to 1 by the events, are there: 0$",),
    ),
    "a first result was taken away": (
        f"DELETE FROM result WHERE number = 0 AND position = {AGAIN}",
        ("removed evidence sha256:.*: of its results, 0 to 1 by the events, are there: 1$",),
    ),
    "an older result was changed": (
        f"UPDATE result SET document = CAST(replace(document, '.ey', '.eY') AS BLOB)"
        f" WHERE number = 0 AND position = {AGAIN}",
        ("signature evidence sha256:.*: the result 0 is not genuine",),
    ),
    "a result was dated back": (
        f"UPDATE result SET made_at = {OLD} WHERE number = 1 AND position = {AGAIN}",
        ("changed evidence sha256:.*: the result 1: made_at: the row says 2020",),
    ),
    "a result's time was blotted": (
        f"UPDATE result SET made_at = 'yesterday' WHERE number = 0 AND position = {FIRST}",
        ("changed evidence sha256:.*: its results: made_at: 'yesterday' is not like",),
    ),
    "a key was nested deeper than anybody reads": (
        f"UPDATE device SET jwk = '{'[' * 100_000}' WHERE replaces IS NOT NULL",
        ("changed device key .*: jwk: the row holds another key than the one that enrolled",),
    ),
    "a person was put in": (
        "INSERT INTO person (id, program, name, folded, created_at)"
        f" SELECT 'nobody', program, 'Eve', 'eve', created_at FROM person WHERE id = {A}",
        ("inserted person nobody: no event tells that anybody invited this person",),
    ),
    "a person was renamed": (
        f"UPDATE person SET name = 'Eve', folded = 'eve' WHERE id = {B}",
        (
            "changed person .*: name: the row says 'Eve', the event in the log says 'Bo Ek'",
            "changed person .*: folded: the row says 'eve', the event in the log says 'bo ek'",
        ),
    ),
    "a person was hidden from the search": (
        f"UPDATE person SET folded = 'zz' WHERE id = {B}", ("changed person .*: folded: the row says 'zz'",),
    ),
    "a number on file was exchanged": (
        f"UPDATE person SET phone = '+4681234599' WHERE id = {A}",
        ("changed person .*: phone: the row's ends with 99, the event in the log: ends with 56",),
    ),
    "a number was put on file": (
        f"UPDATE person SET phone = '+4681234599' WHERE id = {B}",
        ("changed person .*: phone: the row's ends with 99, the event in the log: there is none",),
    ),
    "a number on file was taken away": (
        f"UPDATE person SET phone = NULL WHERE id = {A}",
        ("changed person .*: phone: the row's is missing, the event in the log: ends with 56",),
    ),
    "a person was dated back": (
        f"UPDATE person SET created_at = {OLD} WHERE id = {B}", ("changed person .*: created_at: the row says '2020",),
    ),
    "an invitation was lengthened": (
        f"UPDATE invite SET expires_at = '2099-01-01T00:00:00.000Z' WHERE {FREE}",
        ("changed invitation .*: expires_at: the row says '2099-01-01T00:00:00.000Z', the event .* 'valid until",),
    ),
    "an invitation was given another code": (
        f"UPDATE invite SET code_sha256 = '{'0' * 64}' WHERE {FREE}",
        ("inserted invitation 0000000000000000: no event tells of it", "removed invitation [0-9a-f]{16}: the row is"),
    ),
    "an invitation was given to somebody else": (
        f"UPDATE invite SET person = {B} WHERE {FREE}",
        ("changed invitation .*: person: the row says",),
    ),
    "an invitation was put in": (
        "INSERT INTO invite (code_sha256, program, person, created_at, created_by, expires_at)"
        f" SELECT '{'a' * 64}', program, person, created_at, created_by, expires_at"
        f" FROM invite WHERE {FREE}",
        ("inserted invitation aaaaaaaaaaaaaaaa: no event tells of it as it stands there",),
    ),
    "an invitation was removed": (
        f"DELETE FROM invite WHERE {FREE}", ("removed invitation .*: the row is gone, and no erasure tells of it",),
    ),
    "a used invitation was made good again": (
        f"UPDATE invite SET redeemed_at = NULL, kid = NULL WHERE person = {A} AND redeemed_at IS NOT NULL",
        (
            "changed invitation .*: kid: the row says nothing, the key that used it says '",
            "changed invitation .*: redeemed_at: the row says nothing, the key that used it says '20",
        ),
    ),
    "a free invitation was used up": (
        f"UPDATE invite SET redeemed_at = {OLD} WHERE {FREE}",
        ("changed invitation .*: redeemed_at: the row says '2020-01-01T00:00:00.000Z', every key says nothing",),
    ),
    "a key was given to somebody else": (
        f"UPDATE device SET person = {A} WHERE person = {B} AND revoked_reason LIKE 'stolen%'",
        (
            "changed device key .*: person: the row says .*, its invitation says '",
            "changed device key .*: person: the row says .*, the event in the log says '",
        ),
    ),
    "an heir was given to somebody else": (
        f"UPDATE device SET person = {B} WHERE replaces IS NOT NULL",
        ("changed device key .*: person: the row says .*, the event in the log says '",),
    ),
    "a key is said to be in a safer place": (
        f"UPDATE device SET key_store = 'tpm' WHERE person = {A} AND replaces IS NULL",
        ("changed device key .*: key_store: the row says 'tpm', what it signed says 'file'",),
    ),
    "a key is said to be of another program": (
        "UPDATE device SET software = 'homecheck 9' WHERE replaces IS NOT NULL",
        ("changed device key .*: software: the row says 'homecheck 9', what it signed says 'homecheck 1 ",),
    ),
    "a key was exchanged": (
        f"UPDATE device SET jwk = (SELECT jwk FROM device WHERE person = {B} LIMIT 1) WHERE replaces IS NOT NULL",
        ("changed device key .*: jwk: the row holds another key than the one that enrolled",),
    ),
    "a key was blotted": (
        "UPDATE device SET jwk = '{' WHERE replaces IS NOT NULL", ("changed device key .*: jwk: the row holds",),
    ),
    "an enrolment was dated back": (
        f"UPDATE device SET enrolled_at = {OLD} WHERE person = {A} AND replaces IS NULL",
        (
            "changed device key .*: enrolled_at: the row says '2020.*, the event in the log says '20",
            "changed invitation .*: redeemed_at: the row says '20.*, the key that used it says '2020-01-01",
        ),
    ),
    "where a key came from was changed": (
        f"UPDATE device SET source_address = '192.0.2.9' WHERE person = {A} AND replaces IS NULL",
        ("changed device key .*: source_address: the row says '192.0.2.9', the event in the log says '127.0.0.1'",),
    ),
    "a reason for a revocation was changed": (
        "UPDATE device SET revoked_reason = 'left us' WHERE revoked_reason LIKE 'stolen%'",
        ("changed device key .*: revoked: the row's reason is 'left us', the event in the log says 'of Bo Ek: stolen",),
    ),
    "a reason for a revocation was taken away": (
        "UPDATE device SET revoked_reason = '' WHERE revoked_reason LIKE 'stolen%'",
        ("changed device key .*: revoked: the row's reason is '', the event in the log says 'of Bo Ek: stolen",),
    ),
    "a retired key is said to be stolen": (
        "UPDATE device SET revoked_reason = 'stolen' WHERE revoked_reason = 'a new invitation was used'",
        ("changed device key .*: revoked: the row's reason is 'stolen', the event in the log says 'of Bo Ek: a new",),
    ),
    "a responder's key was exchanged": (
        "UPDATE responder SET jwk = (SELECT jwk FROM device WHERE replaces IS NOT NULL)",
        ("changed responder https://responder.example: its key is .*, the event in the log says 'key ",),
    ),
    "a responder's key was blotted": (
        "UPDATE responder SET jwk = '[]'", ("changed responder https://responder.example: its key is none, the event",),
    ),
    "a responder was put in": (
        "INSERT INTO responder (url, kid, jwk, added_at)"
        " SELECT 'https://old.example', kid, jwk, added_at FROM responder",
        ("inserted responder https://old.example: no event tells that it is trusted",),
    ),
    "a responder was removed": (
        "DELETE FROM responder", ("removed responder https://responder.example: the row is gone",),
    ),
    "a user was put in": (
        f"INSERT INTO \"user\" (name, role, created_at) VALUES ('eve', 'admin', {OLD})",
        ("inserted user eve: no event tells that anybody added this user",),
    ),
    "a removed user was put back": (
        f"INSERT INTO \"user\" (name, role, created_at) VALUES ('bo', 'viewer', {OLD})",
        ("inserted user bo: no event",),
    ),
    "a user was made an administrator": (
        "UPDATE \"user\" SET role = 'admin' WHERE name = 'rut'",
        (
            "changed user rut: roles: the rows say 'admin, reviewer of support', the event .* 'viewer,"
            " reviewer of support'",
        ),
    ),
    "a user was given a role in a program": (
        "INSERT INTO user_role (account, program, role) VALUES ('admin', 'support', 'reviewer')",
        ("changed user admin: roles: the rows say 'admin, reviewer of support', the event in the log says 'admin'",),
    ),
    "a role in a program was taken away": (
        "DELETE FROM user_role", ("changed user rut: roles: the rows say 'viewer', the event",),
    ),
    "a role was given to nobody": (
        "INSERT INTO user_role (account, program, role) VALUES ('eve', 'support', 'admin')",
        ("inserted role of eve in support: there is no such user",),
    ),
    "a user was dated back": (
        f"UPDATE \"user\" SET created_at = {OLD} WHERE name = 'rut'",
        ("changed user rut: created_at: the row says '2020",),
    ),
    "a user was removed": (
        "DELETE FROM \"user\" WHERE name = 'admin'", ("removed user admin: the row is gone, and no event tells of it",),
    ),
    "a token was put in": (
        "INSERT INTO api_token (id, secret_sha256, account, label, scopes, program, created_at, expires_at)"
        f" SELECT 'eeeeeeeeeeee', secret_sha256, account, label, scopes, program, created_at, expires_at"
        f" FROM {ONE_TOKEN}",
        ("inserted API token eeeeeeeeeeee: no event tells that anybody added it",),
    ),
    "a token was given another secret": (
        f"UPDATE api_token SET secret_sha256 = '{'0' * 64}' WHERE revoked_at IS NULL",
        ("changed API token .*: the row says 'for the wallboard: read, .* digest 0000000000000000', the event",),
    ),
    "a token was given more rights": (
        "UPDATE api_token SET scopes = 'administer read' WHERE revoked_at IS NULL",
        ("changed API token .*: the row says 'for the wallboard: administer read, for rut",),
    ),
    "a token was given to somebody else": (
        "UPDATE api_token SET account = 'admin' WHERE revoked_at IS NULL", ("changed API token .*, for admin, until",),
    ),
    "a token was let into every program": (
        "UPDATE api_token SET program = '' WHERE revoked_at IS NULL", ("changed API token .*: the row says 'for the",),
    ),
    "a token was lengthened": (
        "UPDATE api_token SET expires_at = '2099-01-01T00:00:00.000Z' WHERE revoked_at IS NULL",
        ("changed API token .*until 2099-01-01T00:00:00.000Z;",),
    ),
    "a revoked token counts again": (
        "UPDATE api_token SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        ("changed API token .*: revoked_at: the row says never, the log says 20",),
    ),
    "a token was revoked without a word": (
        f"UPDATE api_token SET revoked_at = {OLD} WHERE revoked_at IS NULL",
        ("changed API token .*: revoked_at: the row says 2020-01-01T00:00:00.000Z, the log says never",),
    ),
    "a token was removed": (
        "DELETE FROM api_token WHERE revoked_at IS NOT NULL",
        ("removed API token .*: the row is gone, and its owner is not",),
    ),
    "a receiver was moved": (
        "UPDATE webhook SET url = 'https://eve.example/in' WHERE standing = 'on'",
        ("changed webhook .*: the row says 'https://eve.example/in security.\\*', the event",),
    ),
    "a receiver is told more": (
        "UPDATE webhook SET kinds = '*' WHERE standing = 'on'",
        ("changed webhook .*: the row says .*in \\*', the event",),
    ),
    "a receiver is told of every program": (
        "UPDATE webhook SET program = NULL WHERE standing = 'on'",
        ("changed webhook .*: program: the row says nothing, the event in the log says 'support'",),
    ),
    "a removed receiver is told again": (
        "UPDATE webhook SET standing = 'on' WHERE standing = 'removed'",
        ("changed webhook .*: standing: the row says 'on', the event in the log says 'removed'",),
    ),
    "a receiver was silenced": (
        "UPDATE webhook SET standing = 'gone' WHERE standing = 'on'",
        ("changed webhook .*: standing: the row says 'gone'",),
    ),
    "a receiver's secret was put back": (
        "UPDATE webhook SET generation = 1, rotated_at = NULL WHERE standing = 'on'",
        ("changed webhook .*: generation: the row says 1, .* says 2", "changed webhook .*: rotated_at: the row says"),
    ),
    "a receiver was put in": (
        "INSERT INTO webhook SELECT 'wh_e', url, program, kinds, created_at, created_by, generation, rotated_at,"
        " position, standing FROM webhook WHERE standing = 'on'",
        ("inserted webhook wh_e: no event tells that anybody added it",),
    ),
    "a receiver was taken away": (
        "DELETE FROM webhook WHERE standing = 'on'", ("removed webhook .*: an event tells of it",),
    ),
    "letters go elsewhere": (
        "UPDATE contact SET address = 'eve@example.com'",
        (r"changed mail address of person .*: the row's has the digest [0-9a-f]{16}, the event .* 'it has the digest",),
    ),
    "letters come at another hour": (
        "UPDATE contact SET timezone = 'Asia/Tokyo'", ("changed mail address of person .*: the row's has the digest",),
    ),
    "a mail address was put in": (
        f"INSERT INTO contact (person, address, timezone) VALUES ({B}, 'eve@example.com', '')",
        ("inserted mail address of person .*: no event tells that it was put on file",),
    ),
    "a mail address was taken away": (
        "DELETE FROM contact", ("removed mail address of person .*: the row is gone, and no erasure tells of it",),
    ),
    "a waiver was revoked by somebody else": (
        "UPDATE waiver SET revoked_by = 'eve' WHERE revoked_at IS NOT NULL",
        (
            "changed waiver .*: revoked: the row says .*, by eve, network.download: It came., the log says"
            " .*, by a test",
        ),
    ),
    "a waiver was revoked for another reason": (
        "UPDATE waiver SET revoked_reason = 'Misused.' WHERE revoked_at IS NOT NULL",
        ("changed waiver .*: revoked: the row says .*: Misused., the log says .*: It came.",),
    ),
    "a waiver was moved to another program": (
        "UPDATE waiver SET program = 'sales' WHERE revoked_at IS NULL",
        ("changed waiver .*: the event in the log says:",),
    ),
    "somebody who fails stands among those who pass": (
        f"UPDATE person SET rank = 3 WHERE id = {A}",
        ("changed person .*: rank: the row says 3, what was signed says 0", COUNTED),
    ),
    "a check was made younger in the list": (
        f"UPDATE person SET received = received + 86400 WHERE id = {A}",
        ("changed person .*: received: the row says", COUNTED),
    ),
    "a next check was put off": (
        f"UPDATE person SET due = due + 86400 WHERE id = {A}",
        ("changed person .*: due: the row says .*, its policy says",),
    ),
    "somebody is said to have failed for less long": (
        f"UPDATE person SET failing_since = failing_since + 86400 WHERE id = {A}",
        ("changed person .*: failing_since: the row says [0-9]+, what was signed says [0-9]+",),
    ),
    "somebody is said to have failed for longer": (
        f"UPDATE person SET failing_since = failing_since - 86400 WHERE id = {A}",
        ("changed person .*: failing_since: the row says [0-9]+, what was signed says [0-9]+",),
    ),
    "a home was moved": (
        f"UPDATE person SET region = 'US-TX' WHERE id = {A}",
        ("changed person .*: region: the row says 'US-TX', what was signed says ''", COUNTED),
    ),
    "a home was given another line": (
        f"UPDATE person SET link = 'ethernet' WHERE id = {A}",
        ("changed person .*: link: the row says 'ethernet'", COUNTED),
    ),
    "a system and a version were made up": (
        f"UPDATE person SET system = 'TempleOS', software = '9' WHERE id = {A}",
        ("changed person .*: system: the row says 'TempleOS'", "changed person .*: software: the row says '9'",
         COUNTED),
    ),
    "a check was moved to another hour": (
        f"UPDATE person SET hour = (hour + 1) % 24 WHERE id = {A}", ("changed person .*: hour: the row says", COUNTED),
    ),
    "a concern was painted yellow": (
        f"UPDATE concern SET verdict = 'warn' WHERE person = {A} AND quantity = 'headset.transport'",
        ("changed concern headset.transport of person .*: verdict: the row says 'warn', what was signed says 'fail'",
         COUNTED),
    ),
    "a concern was taken away": (
        f"DELETE FROM concern WHERE person = {A} AND quantity = 'room.noise'",
        ("removed concern room.noise of person .*: the row is missing, what was signed says inconclusive", COUNTED),
    ),
    "a concern was put in": (
        "INSERT INTO concern (person, program, received, quantity, verdict)"
        f" SELECT person, program, received, 'host.memory', verdict FROM concern WHERE person = {A} LIMIT 1",
        ("inserted concern host.memory of person .*: it is plainly met, or not asked for", COUNTED),
    ),
    "a concern is near a limit that it is not near": (
        f"UPDATE concern SET margin = 0.01 WHERE person = {A} AND quantity = 'network.download'",
        ("changed concern network.download of person .*: margin: the row says 0.01, what was signed says nothing",
         COUNTED),
    ),
    "somebody never checked stands among those who pass": (
        "INSERT INTO concern (person, program, received, quantity, verdict)"
        " VALUES ('nobody', 'support', 1, 'x', 'fail')",
        ("inserted concern x of person nobody: no check of theirs is there", COUNTED),
    ),
    "a responder was dated back": (
        f"UPDATE responder SET added_at = {OLD}", ("changed responder .*: added_at: the row says '2020",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_row_is_named_and_the_status_is_3(case: Case, name: str) -> None:
    sql, expected = EDITS[name]
    case.edit(sql)
    status, defects = case.verify()
    found = [f"{one['wrong']} {one['what']}: {one['message']}" for one in defects]
    assert status == 3
    assert len(found) == len(expected), found
    for one, pattern in zip(found, expected, strict=True):
        assert re.match(pattern, one), one


# By somebody who knows how the log works


def names(case: Case) -> list[str]:
    status, defects = case.verify()
    assert status == (3 if defects else 0)
    return [f"{one['wrong']} {one['what']}: {one['message']}" for one in defects]


def enter_again(case: Case, position: int, statement: bytes) -> None:
    """Make the leaf of an entry, and the whole tree, anew for another statement."""
    entry = log.entry(case.db, position)
    assert entry is not None
    assert entry.salt is not None
    case.edit("UPDATE log_entry SET leaf = ? WHERE position = ?", salted_leaf(entry.salt, statement), position)
    frontier = Frontier()
    case.db.execute("DELETE FROM log_node")
    for one in list(log.entries(case.db)):
        frontier, filled = frontier.append(one.leaf)
        case.db.executemany("INSERT INTO log_node VALUES (?, ?, ?)", [(f.level, f.number, f.hash) for f in filled])
    case.db.execute("UPDATE log_state SET frontier = ?", (log.packed(frontier),))


def test_a_first_result_that_the_collectors_own_key_signed_anew_contradicts_the_receipt(case: Case) -> None:
    collector = setup.load(case.database)
    row = case.db.execute(f"SELECT document FROM result WHERE position = {FIRST} AND number = 0").fetchone()
    genuine = verify_result(row["document"], collector.public_keys().get)
    kinder = replace(genuine.findings, findings=genuine.findings.findings[:-1])
    forged = collector.sign(replace(genuine, findings=kinder).to_bytes(), RESULT)
    case.edit(f"UPDATE result SET document = ? WHERE position = {FIRST} AND number = 0", forged)
    (found,) = names(case)
    assert "the first result does not say what the receipt says" in found


def test_a_second_result_and_its_row_are_bound_by_the_event(case: Case) -> None:
    """Back to the first verdict, result and lists alike: the event of judging again stays."""
    position = case.one(f"SELECT {AGAIN}")
    for table in ("finding", "result"):
        column = "number = 1" if table == "result" else "1"
        case.edit(f"DELETE FROM {table} WHERE position = {position} AND {column}")
    (found,) = names(case)
    assert found.endswith("of its results, 0 to 1 by the events, are there: 0")


def erasure(case: Case, number: int = 0) -> int:
    """Return the position of an erasure's event."""
    sql = "SELECT position FROM event WHERE kind = 'erased' ORDER BY position LIMIT 1 OFFSET ?"
    return int(case.one(sql, number))


def erased(case: Case) -> int:
    return int(case.one("SELECT MIN(position) FROM log_entry WHERE salt IS NULL"))


COUNTED = "all about one person: "
ERASURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "an erasure names an entry that is there": (
        f"UPDATE event SET about = about || ' 0', detail = '{COUNTED}4 entries'",
        ("inserted event .*set-up.*: an event says that entry 0 was erased, and it is there",),
    ),
    "an erasure names fewer than are gone": (
        f"UPDATE event SET about = substr(about, 1, instr(about, '-') - 1), detail = '{COUNTED}1 entries'",
        ("removed entry [0-9]+: its data is gone without an erasure on record",) * 2,
    ),
    "an erasure names what came after it": (
        "UPDATE event SET about = '0-1000000000000'",
        ("changed event .*: it names no entries that can be: 0-1000000000000 is not before entry",),
    ),
    "an erasure names what cannot be": (
        "UPDATE event SET about = '-3'", ("changed event .*: it names no entries that can be",),
    ),
    "an erasure counts more than it names": (
        f"UPDATE event SET detail = '{COUNTED}44 entries'",
        ("changed event .*: it names 3 entries and says 'all about one person: 44 entries'",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERASURES)
def test_an_erasure_that_makes_no_sense_is_named_even_when_its_entry_was_made_anew(case: Case, name: str) -> None:
    sql, expected = ERASURES[name]
    position = erasure(case, 1)
    case.edit(f"{sql} WHERE position = ?", position)
    row = case.db.execute("SELECT * FROM event WHERE position = ?", (position,)).fetchone()
    enter_again(case, position, events.statement(events.from_row(row)))
    found = names(case)
    for pattern in expected:
        assert any(re.match(pattern, one) for one in found), found
    assert not any("this is not what was entered" in one for one in found)


def test_two_erasures_of_the_same_entry_are_named(case: Case) -> None:
    first, second = erasure(case), erasure(case, 1)
    about = case.one("SELECT about FROM event WHERE position = ?", first)
    case.edit("UPDATE event SET about = ? WHERE position = ?", about, second)
    twice = f"changed entry {about.partition('-')[0]}: two events say that it was erased, which happens once"
    assert twice in names(case)


def test_an_entry_whose_data_was_erased_and_whose_salt_was_put_back_is_named(case: Case) -> None:
    position = erased(case)
    case.edit("UPDATE log_entry SET salt = zeroblob(32) WHERE position = ?", position)
    (found,) = names(case)
    assert found.startswith(f"changed entry {position} (event): it was erased, and its salt is still there")


def test_what_an_erasure_has_left_behind_is_named(case: Case) -> None:
    position = erased(case)
    case.edit(
        f"INSERT INTO finding (position, ordinal, {SAID}) SELECT ?, ordinal, {SAID} FROM finding LIMIT 1", position
    )
    (found,) = names(case)
    assert found == f"inserted finding of entry {position}: it is there, and the entry was erased"


def test_rows_about_a_person_whose_row_was_taken_away_are_named(case: Case) -> None:
    case.edit(f"DELETE FROM person WHERE id = {B}")
    found = names(case)
    assert any(re.match("removed person .*: the row is gone, and no erasure tells of it", one) for one in found)
    left = {one.split(" ")[1] for one in found if one.endswith("it is about a person who is not there")}
    assert left == {"device", "evidence", "invite"}


def test_a_person_who_was_taken_away_as_by_a_purge_but_without_its_event_is_named(case: Case) -> None:
    who = case.one(f"SELECT {B}")
    gone = "SELECT position FROM evidence WHERE person = ? UNION SELECT position FROM event WHERE person = ?"
    positions = [row["position"] for row in case.db.execute(gone, (who, who))]
    for table in ("finding", "observation", "result"):
        case.db.executemany(f"DELETE FROM {table} WHERE position = ?", [(one,) for one in positions])
    for table in ("evidence", "invite", "device", "event"):
        case.edit(f"DELETE FROM {table} WHERE person = ?", who)
    with tally.kept(case.db, [who]):
        case.edit("DELETE FROM person WHERE id = ?", who)
    case.db.executemany("UPDATE log_entry SET salt = NULL WHERE position = ?", [(one,) for one in positions])
    assert [one.partition(";")[0] for one in names(case)] == [
        f"removed entry {position}: its data is gone without an erasure on record" for position in positions
    ]


def test_an_entry_that_is_said_to_be_a_gap_is_named(case: Case) -> None:
    """A check is taken away as if it had never been received: its entry becomes one of those from before the log."""
    position = int(case.one("SELECT MAX(position) FROM evidence"))
    for table in ("result", "evidence"):
        case.edit(f"DELETE FROM {table} WHERE position = ?", position)
    case.edit("UPDATE person SET latest = (SELECT MAX(position) FROM evidence WHERE person = person.id)")
    case.edit("UPDATE log_entry SET kind = 'gap' WHERE position = ?", position)
    enter_again(case, position, b'{"gap":%d}' % position)
    message = "it is said to be a gap from before there was a log, and stands where none can be"
    assert f"inserted entry {position}: {message}" in names(case)
