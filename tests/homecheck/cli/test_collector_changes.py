"""`collector invite --csv`, `waiver`, `export` and `policy compare --database` as an administrator types them."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from homecheck.config import Home
from tests.command_line import Result, homecheck
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Somebody who passes, somebody who fails, somebody with a name like a formula, and nobody else."""
    with in_thread(tmp_path_factory.mktemp("house")) as site:
        assert site.worker(PASSES).check().status_code == 201
        assert site.worker(FAILS).check().status_code == 201
        assert site.worker(replace(PASSES, name=FORMULA, download=19.5)).check().status_code == 201
        yield site


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def run(home: Home, site: Site, *arguments: str, typed: str = "") -> Result:
    return homecheck(home, "collector", "--database", site.database.url, *arguments, typed=typed)


def test_a_list_is_invited_and_comes_back_with_addresses_that_work(house: Site, home: Home, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("\ufeffname;phone;email\r\nJürgen Müller;+49 30 123456;j@example.com\r\n".encode())
    dry = run(home, house, "invite", PROGRAM, "--csv", str(path), "--dry-run")
    assert (dry.status, dry.out) == (0, "")
    assert "support: 1 person" in dry.err
    assert "Nobody was invited" in dry.err
    before = house.browse_database("SELECT count(*) FROM person")
    result = run(home, house, "invite", PROGRAM, "--csv", str(path))
    assert result.status == 0, result.err
    (row,) = csv.DictReader(io.StringIO(result.out))
    assert (row["name"], row["email"], row["phone"]) == ("Jürgen Müller", "j@example.com", "'+4930123456")
    code = row["address"].removeprefix(f"{house.url}/invite/")
    assert Worker(house.url).enrol(code).status_code == 201
    assert house.browse_database("SELECT count(*) FROM person") == [before[0] + 1]  # type: ignore[operator]
    assert house.browse_database("SELECT phone FROM person WHERE name = 'Jürgen Müller'") == ["+4930123456"]
    assert "j@example.com" not in repr(house.browse_database("SELECT detail FROM event"))
    assert house.defects() == []
    again = run(home, house, "invite", PROGRAM, "--csv", str(path))
    assert "1 of them are here already and get a further invitation" in again.err


def test_a_list_with_a_mistake_invites_nobody_and_names_each_line(house: Site, home: Home) -> None:
    before = house.browse_database("SELECT count(*) FROM person")
    typed = "name,phone\nGood Person,\nBad Number,123\n=1+1,\n"
    result = run(home, house, "invite", PROGRAM, "--csv", "-", typed=typed)
    assert (result.status, result.out) == (1, "")
    assert "-: 2 mistakes" in result.err
    assert "line 3: telephone: '123' is no international telephone number" in result.err
    assert "line 4: name: '=1+1' would be calculated by a spreadsheet" in result.err
    assert "Nobody was invited." in result.err
    assert house.browse_database("SELECT count(*) FROM person") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invite", PROGRAM], "give either --person NAME or --csv FILE"),
        (["invite", PROGRAM, "--person", "x", "--csv", "y"], "give either --person NAME or --csv FILE"),
        (["invite", "--person", "x"], "--person needs a PROGRAM"),
        (["invite", PROGRAM, "--csv", "x", "--phone", "+46812345678"], "a list has columns of its own"),
        (["export", "everything"], "No such command"),
        (["waiver", "add", PROGRAM, "--person", "x"], "Missing option"),
    ],
)
def test_wrong_usage_is_told(house: Site, home: Home, arguments: list[str], words: str) -> None:
    result = run(home, house, *arguments)
    assert result.status == 2
    assert words in result.err


@pytest.mark.parametrize(
    "arguments", [["invite", "nowhere", "--csv", "-"], ["export", "people", "--program", "nowhere"]]
)
def test_a_program_that_is_not_there_is_named(house: Site, home: Home, arguments: list[str]) -> None:
    result = run(home, house, *arguments, typed="name\nBo\n")
    assert result.status == 1
    assert "there is no program 'nowhere'; there are: support" in result.err


def test_a_file_that_is_not_there_is_named(house: Site, home: Home, tmp_path: Path) -> None:
    result = run(home, house, "invite", PROGRAM, "--csv", str(tmp_path / "none.csv"))
    assert result.status == 1
    assert "none.csv: cannot be read: No such file" in result.err


def exported(home: Home, site: Site, *arguments: str) -> list[dict[str, str]]:
    result = run(home, site, "export", *arguments)
    assert result.status == 0, result.err
    return list(csv.DictReader(io.StringIO(result.out, newline="")))


def test_a_waiver_stands_beside_the_verdict_until_it_is_revoked(house: Site, home: Home) -> None:
    until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    # Everything that Filip misses: download, headset, microphone and door.
    names = []
    for quantity in ("network.download", "headset.transport", "room.noise", "declaration.door"):
        added = run(
            home, house, "waiver", "add", PROGRAM, "--person", FAILS.name, "--quantity", quantity,
            "--reason", "He moves house.", "--until", until,
        )  # fmt: skip
        assert added.status == 0, added.err
        assert f"{FAILS.name}: {quantity} is waived until" in added.err
        names.append(added.out.strip())
    (filip,) = [row for row in exported(home, house, "people") if row["name"] == FAILS.name]
    assert (filip["verdict"], filip["counts_as"]) == ("fail", "warn")
    assert filip["waived"].startswith("fail, waived until ")
    assert filip["waived"].endswith(": He moves house.")
    listed = json.loads(run(home, house, "waiver", "list", "--output", "json").out)
    assert {one["id"] for one in listed} == set(names)
    assert {one["state"] for one in listed} == {"counts"}
    text = run(home, house, "waiver", "list", PROGRAM).out
    assert f"{names[0]}  support, {FAILS.name}: network.download, counts, until {until}, by " in text
    for name in names:
        assert run(home, house, "waiver", "revoke", name, "--reason", "He has moved.").status == 0
    (filip,) = [row for row in exported(home, house, "people") if row["name"] == FAILS.name]
    assert (filip["verdict"], filip["counts_as"], filip["waived"]) == ("fail", "fail", "")
    assert run(home, house, "waiver", "list").out == ""
    assert len(run(home, house, "waiver", "list", "--all").out.splitlines()) == 4
    rows = exported(home, house, "waivers")
    assert {row["state"] for row in rows} == {"revoked"}
    assert {row["revoked_reason"] for row in rows} == {"He has moved."}


def test_a_waiver_is_proposed_listed_declined_and_not_approved_by_the_same_person(house: Site, home: Home) -> None:
    until = f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d}"
    asked = (PROGRAM, "--person", FAILS.name, "--quantity", "room.noise", "--reason", "Builders.", "--until", until)
    switched = run(home, house, "program", "four-eyes", PROGRAM, "on")
    assert (switched.status, "a waiver needs two people" in switched.err) == (0, True)
    assert json.loads(run(home, house, "program", "show", PROGRAM, "--output", "json").out)["four_eyes"] is True
    at_once = run(home, house, "waiver", "add", *asked)
    assert (at_once.status, "one proposes a waiver and another approves it" in at_once.err) == (1, True)
    made = run(home, house, "waiver", "propose", *asked)
    assert (made.status, f"{FAILS.name}: room.noise waits for a decision" in made.err) == (0, True)
    name = made.out.strip()
    (listed,) = json.loads(run(home, house, "waiver", "proposals", "--output", "json").out)
    assert (listed["id"], listed["state"], listed["decided_at"]) == (name, "waiting", None)
    assert f"{name}  support, {FAILS.name}: room.noise, waiting, until {until}, by " in (
        run(home, house, "waiver", "proposals", PROGRAM).out
    )
    own = run(home, house, "waiver", "approve", name)
    assert (own.status, "has proposed it" in own.err) == (1, True)
    assert run(home, house, "waiver", "decline", name, "--reason", "They left.").status == 0
    assert run(home, house, "waiver", "proposals").out == ""
    assert "declined" in run(home, house, "waiver", "proposals", "--all").out
    assert run(home, house, "program", "four-eyes", PROGRAM, "off").status == 0
    again = run(home, house, "waiver", "propose", *asked).out.strip()
    approved = run(home, house, "waiver", "approve", again)
    assert (approved.status, "room.noise is waived until" in approved.err) == (0, True)
    assert run(home, house, "waiver", "revoke", again, "--reason", "It is quiet.").status == 0
    assert "there is no proposal 'x'" in run(home, house, "waiver", "approve", "x").err


def test_the_language_of_letters_is_one_that_there_is(house: Site, home: Home) -> None:
    assert run(home, house, "program", "language", PROGRAM, "sv").status == 0
    assert "letters are written in sv" in run(home, house, "program", "show", PROGRAM).out
    wrong = run(home, house, "program", "language", PROGRAM, "de")
    assert (wrong.status, "language: 'de'" in wrong.err) == (1, True)
    assert run(home, house, "program", "language", PROGRAM, "en").status == 0
    alone = run(home, house, "invite", PROGRAM, "--person", "x", "--lang", "sv")
    assert (alone.status, "--lang is the language of a letter" in alone.err) == (2, True)


def test_a_waiver_without_an_end_that_can_be_read_is_refused(house: Site, home: Home) -> None:
    result = run(
        home, house, "waiver", "add", PROGRAM, "--person", FAILS.name, "--quantity", "room.noise", "--reason", "why",
        "--until", "for ever",
    )  # fmt: skip
    assert result.status == 1
    assert "'for ever' is no day and no duration" in result.err
    unknown = run(home, house, "waiver", "revoke", "0123", "--reason", "why")
    assert "there is no waiver '0123'" in unknown.err


def test_tables_are_the_same_in_every_form_and_no_cell_is_a_formula(house: Site, home: Home, tmp_path: Path) -> None:
    for kind in ("people", "evidence", "waivers"):
        as_csv = exported(home, house, kind, "--program", PROGRAM)
        lines = [json.loads(line) for line in run(home, house, "export", kind, "--output", "jsonl").out.splitlines()]
        file = tmp_path / f"{kind}.parquet"
        assert run(home, house, "export", kind, "--output", "parquet", "--file", str(file)).status == 0
        table = pq.read_table(file)
        assert table.column_names == list(as_csv[0])
        for row, line, record in zip(as_csv, lines, table.to_pylist(), strict=True):
            for column, value in line.items():
                written = "" if value is None else str(value)
                is_marked = isinstance(value, str) and written.startswith(("=", "-"))  # an id may begin with a minus
                assert row[column] == (f"'{written}" if is_marked else written)
                stored = record[column]
                if isinstance(stored, datetime):
                    assert datetime.fromisoformat(value) == stored
                else:
                    assert stored == value
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    names = {row["name"] for row in exported(home, house, "people")}
    assert f"'{FORMULA}" in names
    assert FORMULA not in names


def test_evidence_has_a_row_for_each_check_and_people_without_any_are_there_too(house: Site, home: Home) -> None:
    run(home, house, "invite", PROGRAM, "--person", "Never Sent")
    rows = exported(home, house, "evidence")
    assert [row["verdict"] for row in rows] == ["pass", "fail", "warn"]
    assert rows[1]["unmet"] == (
        "network.download fail; headset.transport fail; declaration.door fail; room.noise inconclusive"
    )
    people = {row["name"]: row for row in exported(home, house, "people")}
    assert (people["Never Sent"]["verdict"], people["Never Sent"]["received_at"]) == ("none", "")
    assert people[PASSES.name]["evidence"] == rows[0]["evidence"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left_behind(
    house: Site, home: Home, tmp_path: Path
) -> None:
    result = run(home, house, "export", "people", "--file", str(tmp_path / "no" / "people.csv"))
    assert result.status == 1
    assert "cannot be written: No such file or directory" in result.err
    (tmp_path / "folder").mkdir()
    result = run(home, house, "export", "people", "--file", str(tmp_path / "folder"))
    assert "cannot be written: Is a directory" in result.err
    assert sorted(path.name for path in tmp_path.iterdir() if "folder" in path.name) == ["folder"]


def test_a_table_takes_the_place_of_its_file_alone(house: Site, home: Home, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"of yesterday")
    (tmp_path / "people.csv.tmp").write_bytes(b"somebody's own")
    assert run(home, house, "export", "people", "--file", str(tmp_path / "people.csv")).status == 0
    assert (tmp_path / "people.csv").read_bytes().startswith(b"program,person,name,")
    assert (tmp_path / "people.csv.tmp").read_bytes() == b"somebody's own"
    assert stat.S_IMODE((tmp_path / "people.csv").stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")
def test_what_is_no_file_is_never_replaced_by_one(house: Site, home: Home, tmp_path: Path) -> None:
    """`--file /dev/null` as root would take that device from everybody; a pipe stands for it here."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = run(home, house, "export", "people", "--file", str(pipe))
    assert (result.status, "is no file" in result.err) == (1, True)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_without_pyarrow_the_package_to_install_is_named(house: Site, tmp_path: Path) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from homecheck.cli import run; sys.exit(run())"
    command = [sys.executable, "-c", code, "collector", "--database", house.database.url, "export", "people"]
    made = subprocess.run([*command, "--output", "parquet"], capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert "pip install 'homecheck[parquet]'" in made.stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def policies(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "old.toml").write_text(POLICY_TEXT, encoding="utf-8")
    text = POLICY_TEXT.replace("at_least = 10", "at_least = 20").replace('version = "3"', 'version = "4"')
    (tmp_path / "new.toml").write_text(text, encoding="utf-8")
    return str(tmp_path / "old.toml"), str(tmp_path / "new.toml")


def test_two_policies_are_compared_in_words(home: Home, policies: tuple[str, str]) -> None:
    result = homecheck(home, "policy", "compare", *policies)
    assert result.status == 0
    assert result.out.splitlines() == [
        'policy: version was "3", is "4"', "network.download: at_least was 10, is 20",
    ]  # fmt: skip
    assert homecheck(home, "policy", "compare", policies[0], policies[0]).out == "The two policies are the same.\n"


def test_two_policies_are_tried_on_a_collectors_evidence(house: Site, home: Home, policies: tuple[str, str]) -> None:
    """48.2 passes both; 3.1 fails both; 19.5 ± 0.8 is above 10 and, within its uncertainty, below 20."""
    result = homecheck(home, "policy", "compare", *policies, "--database", house.database.url)
    assert result.status == 0, result.err
    assert (
        "2 of 3 would fail, 1 of them within their uncertainty (these stay undecided until they are measured again)."
        in result.out
    )
    assert "    1 would go from warn to inconclusive\n" in result.out
    assert f"    {FORMULA}: warn -> inconclusive\n" in result.out
    document = json.loads(
        homecheck(
            home, "policy", "compare", *policies, "--database", house.database.url, "--program", PROGRAM,
            "--output", "json",
        ).out
    )  # fmt: skip
    assert document["differences"][1] == {
        "subject": "network.download",
        "key": "at_least",
        "before": "10",
        "after": "20",
    }
    found = document["what_if"]
    assert (found["people"], found["would_fail"], found["within_uncertainty"]) == (3, 2, 1)
    assert found["changed"][0]["quantities"] == {"network.download": ["warn", "inconclusive"]}


def test_a_comparison_says_what_it_needs(house: Site, home: Home, policies: tuple[str, str], tmp_path: Path) -> None:
    assert homecheck(home, "policy", "compare", *policies, "--program", "x").status == 2
    url = house.database.url
    unknown = homecheck(home, "policy", "compare", *policies, "--database", url, "--program", "x")
    assert "there is no program 'x'" in unknown.err
    missing = homecheck(home, "policy", "compare", *policies, "--database", f"sqlite:///{tmp_path}/none.db")
    assert missing.status == 1
    assert "none.db" in missing.err
