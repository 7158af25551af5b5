"""`homecheck collector` as an administrator types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.cli.collector import collector
from homecheck.collector.store import people, programs, users
from homecheck.collector.store.database import Database, opened
from homecheck.config import Home
from homecheck.keys import SoftwareKey
from tests.command_line import Result, homecheck
from tests.people import POLICY_TEXT

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


def database(home: Home) -> Database:
    return Database(home.root / "collector.db")


def test_init_prints_what_programs_need_as_json_and_nothing_else(home: Home, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'file.db'}"
    result = run(home, "--database", url, "init", "--url", "https://Collector.Example.com/", "--output", "json")
    assert result.status == 0
    document = json.loads(result.out)
    assert set(document) == {"url", "database", "sign_in"}
    assert document["url"] == "https://collector.example.com"
    assert document["database"] == url
    assert re.fullmatch(rf"https://collector\.example\.com/sign-in/{CODE}", document["sign_in"])
    with opened(Database(tmp_path / "deep" / "file.db")) as db:
        assert [(user.name, user.role) for user in users.every(db)] == [("admin", "admin")]


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


def test_postgresql_is_refused_clearly(home: Home) -> None:
    result = run(home, "--database", "postgresql://localhost/x", "init")
    assert result.status == 1
    assert "SQLite only" in result.err


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
        (("user", "remove", "nobody"), 1, "there are: admin"),
        (("responder", "remove", "https://far.example"), 1, "no responder"),
        (("responder", "add", "http://far.example"), 1, "without TLS"),
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
        {"name": "admin", "role": "admin"},
        {"name": "bo@example.com", "role": "viewer"},
    ]
    assert run(ready, "user", "remove", "bo@example.com").status == 0
    assert "bo@" not in run(ready, "user", "list").out
    with opened(database(ready)) as db:
        token = link.out.strip().rpartition("/")[2]
        assert users.link_owner(db, token, datetime.now(UTC)) is None


def test_a_responder_is_met_once_and_its_key_pinned(ready: Home, tmp_path: Path) -> None:
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


def test_a_device_is_revoked_from_the_command_line(ready: Home) -> None:
    code = run(ready, "invite", "support", "--person", "Ada").out.strip().rpartition("/")[2]
    key = SoftwareKey.generate()
    with opened(database(ready)) as db:
        invite = people.find_invite(db, code)
        assert invite is not None
        device = people.Device(key.public, invite.person, "homecheck 1", "file", datetime.now(UTC), "127.0.0.1", None)
        people.redeem(db, invite, device, b"envelope")
    assert run(ready, "device", "revoke", key.public.kid).status == 0
    with opened(database(ready)) as db:
        found = people.find_device(db, key.public.kid)
        assert found is not None
        assert found.revoked_at is not None


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


def test_the_help_lists_what_works_and_loads_no_server() -> None:
    assert set(collector.commands) == {"init", "serve", "program", "invite", "user", "responder", "device"}
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
