"""`homecheck collector` as an administrator types it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.cli.collector import collector
from homecheck.collector.store import callbacks, events, people, programs, users
from homecheck.collector.store.callbacks import Callback
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.config import Home
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey
from tests.command_line import Result, homecheck
from tests.live_collector import Site, in_thread
from tests.oidc_provider import rogue
from tests.people import FAILS, PASSES, POLICY_TEXT
from tests.ports import free_port

CODE = r"[A-Za-z0-9_-]{22}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


@pytest.fixture
def ready(home: Home) -> Home:
    """A collector with one program."""
    assert run(home, "init", "--url", "https://collector.example.com", "--name", "Example Inc.").status == 0
    assert run(home, "program", "add", "support", "--policy", "voice-basic", "--title", "Support line").status == 0
    return home


def run(home: Home, *arguments: str) -> Result:
    return homecheck(home, "collector", *arguments)


def database(home: Home) -> SqliteDatabase:
    return SqliteDatabase(home.root / "collector.db")


def test_init_prints_what_programs_need_as_json_and_nothing_else(home: Home, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'file.db'}"
    result = run(home, "--database", url, "init", "--url", "https://Collector.Example.com/", "--output", "json")
    assert result.status == 0
    document = json.loads(result.out)
    assert set(document) == {"url", "database", "sign_in"}
    assert document["url"] == "https://collector.example.com"
    assert document["database"] == url
    assert re.fullmatch(rf"https://collector\.example\.com/sign-in/{CODE}", document["sign_in"])
    with opened(SqliteDatabase(tmp_path / "deep" / "file.db")) as db:
        assert [(user.name, user.roles) for user in users.every(db)] == [("admin", {"": "admin"})]


def test_the_database_option_stands_at_the_group_or_at_the_command(home: Home, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'file.db'}"
    assert run(home, "init", "--database", url).status == 0
    for arguments in (("user", "list", "--database", url), ("--database", url, "user", "list")):
        assert run(home, *arguments).out.split() == ["admin", "admin"]
    missing = run(home, "user", "list")
    assert missing.status == 1
    assert "there is no database" in missing.err


def test_init_twice_says_so_and_changes_nothing(ready: Home) -> None:
    before = database(ready).path.read_bytes()
    again = run(ready, "init")
    assert again.status == 1
    assert "a database is there already" in again.err
    assert database(ready).path.read_bytes() == before


def test_a_server_that_is_not_there_is_named_without_the_password(home: Home) -> None:
    result = run(home, "--database", f"postgresql://me:hidden@127.0.0.1:{free_port()}/x", "init")
    assert result.status == 1
    assert "postgresql://127.0.0.1" in result.err
    assert "Connection refused" in result.err
    assert "hidden" not in result.err


def test_a_program_is_added_listed_and_shown(ready: Home, tmp_path: Path) -> None:
    assert "support" in run(ready, "program", "list").out
    (listed,) = json.loads(run(ready, "program", "list", "--output", "json").out)
    assert (listed["id"], listed["title"], listed["retention_days"]) == ("support", "Support line", 180)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY_TEXT, encoding="utf-8")
    assert run(ready, "program", "policy", "support", "--policy", str(file)).status == 0
    shown = json.loads(run(ready, "program", "show", "support", "--output", "json").out)
    assert shown["policy"]["name"] == "test-line"
    assert [(version["number"], version["name"]) for version in shown["history"]] == [
        (2, "test-line"),
        (1, "voice-basic"),
    ]
    text = run(ready, "program", "show", "support").out
    assert text.index("test-line") < text.index("voice-basic")


def test_another_policy_under_a_version_that_was_used_is_published_and_remarked_on(ready: Home, tmp_path: Path) -> None:
    remark = 'version is "3" as in number 2 of this program, which says something else'
    file, other = tmp_path / "policy.toml", POLICY_TEXT.replace("at_most = -50", "at_most = -55")
    fourth = POLICY_TEXT.replace('version = "3"', 'version = "4"')
    for text, remarked in ((POLICY_TEXT, False), (other, True), (fourth, False), (other, True), (other, False)):
        file.write_text(text, encoding="utf-8")
        said = run(ready, "program", "policy", "support", "--policy", str(file))
        assert (said.status, remark in said.err) == (0, remarked)
        assert "results name both alike" in said.err or not said.err


def test_a_program_is_described_otherwise_and_what_is_not_named_stays(ready: Home) -> None:
    before = json.loads(run(ready, "program", "show", "support", "--output", "json").out)
    said = run(ready, "program", "describe", "support", "--title", "Support, voice", "--retention-days", "90")
    assert (said.status, said.out) == (0, "support: Support, voice, kept 90 days\n")
    after = json.loads(run(ready, "program", "show", "support", "--output", "json").out)
    assert after == {**before, "title": "Support, voice", "retention_days": 90}
    assert run(ready, "program", "describe", "support").status == 2
    refused = run(ready, "program", "describe", "support", "--title", " ")
    assert (refused.status, "title" in refused.err) == (1, True)
    assert run(ready, "program", "describe", "nothing", "--title", "x").status == 1


@pytest.mark.parametrize("name", ["Support", "a b", "-a", "", "../x", "x" * 65])
def test_a_program_id_is_a_short_word(ready: Home, name: str) -> None:
    result = run(ready, "program", "add", "--policy", "voice-basic", "--", name)
    assert result.status == 2
    assert "small letters" in result.err


def test_a_program_twice_and_a_broken_policy_are_refused(ready: Home, tmp_path: Path) -> None:
    twice = run(ready, "program", "add", "support", "--policy", "voice-basic")
    assert (twice.status, "exists already" in twice.err) == (1, True)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY_TEXT.replace("at_most", "atmost"), encoding="utf-8")
    broken = run(ready, "program", "policy", "support", "--policy", str(file))
    assert broken.status == 1
    assert "atmost" in broken.err
    with opened(database(ready)) as db:
        assert programs.get(db, "support").policy.name == "voice-basic"


def test_invite_prints_one_address_and_nothing_else(ready: Home) -> None:
    result = run(ready, "invite", "support", "--person", "Åsa Öberg", "--valid", "7d")
    assert result.status == 0
    assert re.fullmatch(rf"https://collector\.example\.com/invite/{CODE}\n", result.out)
    with opened(database(ready)) as db:
        invite = people.find_invite(db, result.out.strip().rpartition("/")[2])
        assert invite is not None
        assert invite.person.name == "Åsa Öberg"
        assert abs(invite.expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("arguments", "status", "culprit"),
    [
        (("invite", "sales", "--person", "Ada"), 1, "there are: support"),
        (("invite", "support", "--person", " "), 1, "is no name"),
        (("invite", "support", "--person", "Ada", "--valid", "soon"), 2, "'soon' is no duration"),
        (("invite", "support"), 2, "--person"),
        (("user", "add", "bo", "--role", "king"), 2, "king"),
        (("user", "add", "b o", "--role", "viewer"), 2, "a user's name"),
        (("user", "link", "nobody"), 1, "there are: admin"),
        (("user", "link", "J\udcf6rg"), 1, "bytes that are no UTF-8"),  # as a terminal in Latin-1 sends ö
        (("verify-log", "--jwks", "http://[::1"), 1, "over https only"),
        (("user", "remove", "nobody"), 1, "there are: admin"),
        (("responder", "remove", "https://far.example"), 1, "no responder"),
        (("responder", "add", "http://far.example"), 1, "without TLS"),
        (("responder", "add", "http://127.0.0.1:8862"), 1, "candidates reach the collector at"),
        (("responder", "add", "https://far.invalid"), 1, "Start the responder first"),
        (("device", "revoke", "K" * 43), 1, "no device key"),
        (("serve", "--workers", "2"), 1, "2 workers"),
        (("serve", "--tls-cert", "x.pem"), 2, "belong together"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), 1, "no TLS certificate"),
    ],
)
def test_a_mistake_is_named(ready: Home, arguments: tuple[str, ...], status: int, culprit: str) -> None:
    result = run(ready, *arguments)
    assert result.status == status
    assert culprit in result.err
    assert result.out == ""


def test_users_are_added_linked_and_removed(ready: Home) -> None:
    assert run(ready, "user", "add", "bo@example.com", "--role", "viewer").status == 0
    link = run(ready, "user", "link", "bo@example.com")
    assert re.fullmatch(rf"https://collector\.example\.com/sign-in/{CODE}\n", link.out)
    assert json.loads(run(ready, "user", "list", "--output", "json").out) == [
        {"name": "admin", "role": "admin", "programs": {}},
        {"name": "bo@example.com", "role": "viewer", "programs": {}},
    ]
    assert run(ready, "user", "remove", "bo@example.com").status == 0
    assert "bo@" not in run(ready, "user", "list").out
    with opened(database(ready)) as db:
        token = link.out.strip().rpartition("/")[2]
        assert users.link_owner(db, token, datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("address", "culprit"),
    [("http://127.0.0.1:8862", "candidates reach the collector at"), ("http://far.example", "without TLS")],
)
def test_a_collector_is_not_made_with_a_responder_that_no_candidate_could_use(
    home: Home, address: str, culprit: str
) -> None:
    result = run(home, "init", "--url", "https://collector.example.com", "--responder", address)
    assert (result.status, result.out) == (1, "")
    assert culprit in result.err
    assert not database(home).path.exists()


def test_a_responder_is_met_once_and_its_key_pinned(home: Home, tmp_path: Path) -> None:
    ready = home
    assert run(ready, "init").status == 0  # on loopback, as the responder here
    far_end = subprocess.Popen(
        [sys.executable, "-m", "homecheck", "responder", "serve", "--port", "0", "--key", str(tmp_path / "far.jwk")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert far_end.stdout is not None
        words = far_end.stdout.readline().split()
        url, kid = words[2], words[-1]
        assert run(ready, "responder", "add", url).out == f"{url} {kid}\n"
    finally:
        far_end.terminate()
        far_end.wait(20)
        assert far_end.stdout is not None
        far_end.stdout.close()
    (listed,) = json.loads(run(ready, "responder", "list", "--output", "json").out)
    assert (listed["url"], listed["jwk"]["kid"]) == (url, kid)
    assert "d" not in listed["jwk"]
    # Nobody answers there any more.
    gone = run(ready, "responder", "add", url)
    assert gone.status == 1
    assert "refused" in gone.err
    assert run(ready, "responder", "remove", url).status == 0
    assert run(ready, "responder", "list").out == ""


def enrolled_device(ready: Home, person: str) -> people.Device:
    """Enrol a key past the wire, and return it."""
    code = run(ready, "invite", "support", "--person", person).out.strip().rpartition("/")[2]
    key, now = SoftwareKey.generate().public, datetime.now(UTC)
    with opened(database(ready)) as db:
        invite = people.find_invite(db, code)
        assert invite is not None
        device = people.Device(key, invite.person, "homecheck 1", "tpm", now, "127.0.0.1", None)
        people.redeem(db, invite, device, b"envelope")
    return device


def test_a_device_is_revoked_from_the_command_line_and_listed_with_the_reason(ready: Home) -> None:
    kid = enrolled_device(ready, "Ada").key.kid
    assert run(ready, "device", "list").out.startswith(f"{kid}  support, Ada: enrolled ")
    revoked = run(ready, "device", "revoke", kid, "--reason", "laptop stolen")
    assert (revoked.status, revoked.out, revoked.err) == (0, "", "")
    line = run(ready, "device", "list", "--program", "support").out
    (listed,) = json.loads(run(ready, "device", "list", "--output", "json").out)
    assert f"revoked {listed['revoked_at'][:10]} (laptop stolen); kept in tpm" in line
    assert abs(datetime.fromisoformat(listed["revoked_at"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert (listed["kid"], listed["person"], listed["key_store"]) == (kid, "Ada", "tpm")
    assert (listed["revoked_reason"], listed["replaces"], listed["replaced_at"]) == ("laptop stolen", None, None)
    assert listed["revoked_at"] is not None
    assert run(ready, "device", "list", "--program", "sales").out == ""


def test_revoking_a_replaced_key_tells_of_its_heir(ready: Home) -> None:
    old = enrolled_device(ready, "Ada")
    heir = replace(old, key=SoftwareKey.generate().public, replaces=old.key.kid)
    with opened(database(ready)) as db, transaction(db):
        people.succeed(db, old, heir, b"rotation")
    revoked = run(ready, "device", "revoke", old.key.kid)
    assert revoked.status == 0
    assert f"homecheck collector device revoke {heir.key.kid}" in revoked.err
    assert run(ready, "device", "revoke", heir.key.kid).err == ""


def test_every_change_is_recorded_with_who_made_it(ready: Home) -> None:
    run(ready, "user", "add", "bo", "--role", "viewer")
    run(ready, "invite", "support", "--person", "Ada")
    with opened(database(ready)) as db:
        rows = db.execute("SELECT kind, actor FROM event ORDER BY id").fetchall()
    assert [row["kind"] for row in rows] == ["set-up", "program-added", "user-added", "invited"]
    assert all(row["actor"].endswith("at the command line") for row in rows[1:])


def test_without_the_extra_serving_says_how_to_install_it(ready: Home) -> None:
    # A module that is None cannot be imported: an installation without the collector's packages.
    blocked = "import sys; sys.modules['uvicorn'] = None; sys.modules['starlette'] = None\n"
    program = f"{blocked}from homecheck.cli import run\nsys.exit(run(['collector', 'serve', '--port', '0']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOMECHECK_HOME": str(ready.root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'homecheck[collector]'" in done.stderr


@pytest.fixture
def waiting(ready: Home) -> Callback:
    """A call that somebody is to place, to a person with a number on file."""
    assert run(ready, "invite", "support", "--person", "Åsa Öberg", "--phone", "+46 (8) 123 456-78").status == 0
    now = datetime.now(UTC)
    with opened(database(ready)) as db, transaction(db):
        who = people.person_called(db, "support", "Åsa Öberg")
        assert who is not None
        invite = people.invites_of(db, who.id)[0]
        key = SoftwareKey.generate().public
        people.redeem(db, invite, people.Device(key, who, "homecheck", "file", now, "127.0.0.1", None), b"")
        phone = people.phone(db, who.id)
        assert phone == "+46812345678"
        one = Callback("call-1", key.kid, who, "nonce", phone, now, now + timedelta(minutes=15))
        callbacks.add(db, one)
    return one


def test_a_telephone_system_gets_number_code_and_sound(ready: Home, waiting: Callback, tmp_path: Path) -> None:
    (call,) = json.loads(run(ready, "callbacks", "list", "--output", "json").out)
    assert set(call) == {
        "id", "phone", "code", "person", "program", "requested_at", "expires_at", "attempts_left",
    }  # fmt: skip
    assert re.fullmatch("[0-9]{6}", call["code"])
    assert json.loads(run(ready, "callbacks", "show", "call-1", "--output", "json").out) == call
    assert f"call +46812345678 and play {call['code']}  for Åsa Öberg" in run(ready, "callbacks", "list").out
    assert call["code"] in run(ready, "callbacks", "show", "call-1").out
    file = tmp_path / "code.wav"
    assert run(ready, "callbacks", "wav", "call-1", str(file)).status == 0
    assert file.read_bytes()[:4] == b"RIFF"
    nowhere = run(ready, "callbacks", "wav", "call-1", str(tmp_path / "no" / "code.wav"))
    assert (nowhere.status, "cannot be written" in nowhere.err) == (1, True)


def test_a_call_that_is_over_tells_its_code_to_nobody(ready: Home, waiting: Callback) -> None:
    with opened(database(ready)) as db, transaction(db):
        callbacks.update(db, replace(waiting, state="yes", attempts=1, answered_at=datetime.now(UTC)))
    assert json.loads(run(ready, "callbacks", "list", "--output", "json").out) == []
    listed = run(ready, "callbacks", "list")
    assert (listed.out, "Nobody waits for a call." in listed.err) == ("", True)
    for arguments in (("show", "call-1"), ("wav", "call-1", "-"), ("show", "no-such-call")):
        refused = run(ready, "callbacks", *arguments)
        assert refused.status == 1
        assert "no call-back of this id waits for a call" in refused.err


def test_a_number_that_cannot_be_dialled_is_refused_and_nobody_is_invited(ready: Home) -> None:
    refused = run(ready, "invite", "support", "--person", "Bo", "--phone", "08-123 456 78")
    assert refused.status == 1
    assert "no international telephone number" in refused.err
    assert "Begin with + and the country code." in refused.err
    with opened(database(ready)) as db:
        assert people.person_called(db, "support", "Bo") is None


def test_a_number_on_file_is_changed_with_a_trace_and_never_by_leaving_it_out(ready: Home) -> None:
    for phone in ("+46812345678", "+46812345679", "+46812345679"):
        assert run(ready, "invite", "support", "--person", "Bo", "--phone", phone).status == 0
    assert run(ready, "invite", "support", "--person", "Bo").status == 0
    with opened(database(ready)) as db:
        who = people.person_called(db, "support", "Bo")
        assert who is not None
        assert people.phone(db, who.id) == "+46812345679"
        traces = [one.detail for one in events.recent(db, limit=20) if one.kind == "phone-on-file"]
    assert traces == ["ends with 79", "ends with 78"]  # not the number itself


def test_the_help_lists_what_works_and_loads_no_server() -> None:
    assert set(collector.commands) == {
        "init", "serve", "program", "invite", "user", "responder", "device", "callbacks", "reappraise", "verify-log",
        "purge", "migrate", "webhook", "mail", "backup", "restore", "doctor", "token", "oidc", "export", "waiver",
        "bench", "recount",
    }  # fmt: skip
    program = (
        "import sys\nfrom homecheck.cli import run\nrun(['collector', '--help'])\n"
        "print([name for name in ('starlette', 'uvicorn', 'numpy', 'sounddevice', 'probes', 'cryptography')"
        " if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "[]"


def test_the_collector_loads_nothing_that_measures() -> None:
    program = (
        "import sys\nimport homecheck.collector.serve\n"
        "measuring = ('probes', 'homecheck.instruments', 'sounddevice', 'numpy', 'psutil')\n"
        "print([name for name in measuring if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


# The log


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[Home, Site]]:
    """A collector that holds a check of two people each, and the home that names its database."""
    with in_thread(tmp_path) as site:
        for character in (PASSES, FAILS):
            assert site.worker(character).check().status_code == 201
        yield Home.at(tmp_path), site


def test_a_database_that_nobody_touched_verifies(office: tuple[Home, Site], tmp_path: Path) -> None:
    home, _ = office
    result = run(home, "verify-log")
    assert (result.status, result.err) == (0, "")
    assert "Log          8 entries: 2 receipts, 6 events, 0 erased" in result.out
    assert result.out.endswith("Good         everything is as it was written\n")
    document = json.loads(run(home, "verify-log", "--output", "json").out)
    assert (document["good"], document["size"], document["defects"]) == (True, 8, [])


def test_what_is_wrong_is_named_in_words_and_in_json_with_status_3(office: tuple[Home, Site]) -> None:
    home, site = office
    with opened(site.database) as db:
        db.execute("UPDATE evidence SET verdict = 'pass' WHERE verdict = 'fail'")
        (name,) = db.execute("SELECT digest FROM evidence ORDER BY position DESC").fetchone()
    result = run(home, "verify-log")
    assert result.status == 3
    assert f"CHANGED      evidence {name} (id " in result.out
    assert "verdict: the row says 'pass', what was signed says 'fail'" in result.out
    assert result.out.endswith("\n1 thing is wrong\n")
    result = run(home, "verify-log", "--output", "json")
    assert result.status == 3
    (defect,) = json.loads(result.out)["defects"]
    assert set(defect) == {"wrong", "what", "message", "position"}
    assert (defect["wrong"], defect["position"]) == ("changed", 7)


def test_an_auditor_needs_a_copy_of_the_database_and_public_keys_alone(
    office: tuple[Home, Site], tmp_path: Path
) -> None:
    _, site = office
    http = requests.Session()
    (tmp_path / "jwks.json").write_text(http.get(f"{site.url}/v1/jwks", timeout=20).text, encoding="utf-8")
    (tmp_path / "kept.txt").write_text(http.get(f"{site.url}/v1/log/checkpoint", timeout=20).text, encoding="utf-8")
    with opened(site.database) as db:
        (name,) = db.execute("SELECT digest FROM evidence ORDER BY position").fetchone()
    proof = http.get(f"{site.url}/v1/log/proof/{name}", timeout=20).text
    (tmp_path / "one.tlog-proof").write_text(proof, encoding="utf-8")
    key = http.get(f"{site.url}/.well-known/homecheck", timeout=20).json()["log"]["key"]
    auditor = Home.at(tmp_path / "auditor")
    auditor.root.mkdir()
    with closing(sqlite3.connect(site.file)) as live, closing(sqlite3.connect(database(auditor).path)) as copy:
        live.backup(copy)
    keys = ("--jwks", str(tmp_path / "jwks.json"), "--log-key", key)
    kept = ("--checkpoint", str(tmp_path / "kept.txt"), "--checkpoint", str(tmp_path / "one.tlog-proof"))
    assert run(auditor, "verify-log", *keys, *kept).status == 0
    with opened(database(auditor)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        for table in ("log_entry", "evidence"):
            db.execute(f"DELETE FROM {table} WHERE position = 7")
    result = run(auditor, "verify-log", *keys, *kept)
    assert result.status == 3
    assert "REMOVED      entry 7: missing, with what was there; made after 20" in result.out
    for wrong, reason in (
        (("--checkpoint", str(tmp_path / "jwks.json")), "no checkpoint of this log"),
        (("--log-key", "nonsense"), "the log's key: 'nonsense' is no Ed25519 key"),
        ((), "there is no key"),
    ):
        result = run(auditor, "verify-log", *wrong, *(keys[:2] if wrong else ()))
        assert (result.status, result.out) == (1, "")
        assert reason in result.err
    other = NoteKey("127.0.0.1/log", SoftwareKey.generate().public).vkey
    result = run(auditor, "verify-log", *keys[:2], "--log-key", other)
    assert result.status == 3
    assert "CHECKPOINT   evidence" in result.out


def test_purge_asks_before_it_erases_somebody_and_the_log_verifies_afterwards(office: tuple[Home, Site]) -> None:
    home, site = office
    for typed in ("n\n", ""):
        assert homecheck(home, "collector", "purge", "support", "--person", FAILS.name, typed=typed).status == 1
    assert site.browse_database("SELECT name FROM person ORDER BY name") == [FAILS.name, PASSES.name]
    result = homecheck(home, "collector", "purge", "support", "--person", FAILS.name, typed="y\n")
    assert result.status == 0
    assert "erased: 3 entries of the log" in result.out
    assert "Backups, exports and what was mailed are yours to erase." in result.err
    assert site.browse_database("SELECT name FROM person") == [PASSES.name]
    result = run(home, "verify-log")
    assert result.status == 0
    assert "9 entries: 1 receipts, 5 events, 3 erased" in result.out
    again = run(home, "purge", "support", "--person", FAILS.name, "--yes")
    assert (again.status, "nobody in support is called" in again.err) == (1, True)
    assert run(home, "purge", "sales", "--person", PASSES.name, "--yes").status == 1


def test_a_role_in_one_program_is_given_changed_and_taken_away(ready: Home) -> None:
    assert run(ready, "user", "add", "bo", "--role", "viewer", "--program", "support").status == 0
    assert "bo                             viewer of support" in run(ready, "user", "list").out
    assert run(ready, "user", "role", "bo", "--role", "admin").out.endswith("admin, viewer of support\n")
    assert run(ready, "user", "role", "bo", "--role", "none", "--program", "support").out.endswith(" admin\n")
    for arguments, culprit in (
        (("add", "cy", "--role", "viewer", "--program", "nowhere"), "no program 'nowhere'"),
        (("role", "nobody", "--role", "viewer"), "no user 'nobody'"),
        (("reset", "nobody"), "no user 'nobody'"),
    ):
        result = run(ready, "user", *arguments)
        assert (result.status, culprit in result.err) == (1, True), result.err
    assert "cy" not in run(ready, "user", "list").out


def test_a_token_is_printed_once_listed_without_its_secret_and_revoked(ready: Home) -> None:
    made = run(ready, "token", "add", "--owner", "admin", "--label", "nightly", "--scope", "read", "--scope", "watch")
    assert re.fullmatch(r"hck_[0-9a-f]{12}_[0-9a-f]{64}\n", made.out)
    (listed,) = json.loads(run(ready, "token", "list", "--output", "json").out)
    _, token_id, secret = made.out.strip().split("_")
    assert (listed["id"], listed["owner"], listed["scopes"]) == (token_id, "admin", ["read", "watch"])
    assert run(ready, "token", "list", "--owner", "nobody").out == ""
    assert secret not in run(ready, "token", "list").out
    assert run(ready, "token", "revoke", token_id).status == 0
    assert ", revoked" in run(ready, "token", "list").out
    for arguments, status, culprit in (
        (("revoke", "x"), 1, "no token 'x'"),
        (("add", "--owner", "nobody", "--label", "x"), 1, "no user 'nobody'"),
        (("add", "--owner", "admin", "--label", "x", "--expires", "400d"), 1, "at most a year"),
        (("add", "--owner", "admin", "--label", "x", "--expires", "soon"), 2, "--expires"),
        (("add", "--owner", "admin", "--label", "x", "--scope", "all"), 2, "--scope"),
    ):
        result = run(ready, "token", *arguments)
        assert (result.status, culprit in result.err, result.out) == (status, True, ""), result.err


def test_the_record_is_exported_as_lines_of_json(ready: Home) -> None:
    run(ready, "user", "add", "bo", "--role", "viewer", "--program", "support")
    found = [json.loads(line) for line in run(ready, "export", "audit").out.splitlines()]
    assert [one["kind"] for one in found] == ["set-up", "program-added", "user-added"]
    assert found[-1]["about"] == "bo"
    assert found[-1]["after"] == "viewer of support"
    assert found[-1]["actor"].endswith("at the command line")


def test_company_sign_on_is_set_shown_without_its_secret_and_removed(ready: Home, tmp_path: Path) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("a very secret text\n", encoding="utf-8")
    with rogue() as provider:
        given = ("--issuer", provider.url, "--client-id", "homecheck", "--client-secret-file", str(file))
        for bad, culprit in (("it", "GROUP=ROLE"), ("it=boss", "GROUP=ROLE"), ("=admin", "GROUP=ROLE")):
            assert culprit in run(ready, "oidc", "set", *given, "--map", bad).err
        assert "no program 'nowhere'" in run(ready, "oidc", "set", *given, "--map", "it=admin@nowhere").err
        assert run(ready, "oidc", "show").out == "company sign-on is not set up\n"
        assert "No group has a role yet" in run(ready, "oidc", "set", *given).err
        assert run(ready, "oidc", "set", *given, "--map", "a=b=viewer@support", "--map", "it=admin").status == 0
    shown = json.loads(run(ready, "oidc", "show", "--output", "json").out)
    assert shown["meanings"] == [
        {"group": "a=b", "role": "viewer", "program": "support"},
        {"group": "it", "role": "admin", "program": ""},
    ]
    assert "very secret" not in json.dumps(shown) + run(ready, "oidc", "show").out + run(ready, "export", "audit").out
    assert run(ready, "oidc", "remove").status == 0
    assert (again := run(ready, "oidc", "remove")).status == 1
    assert "not set up" in again.err
