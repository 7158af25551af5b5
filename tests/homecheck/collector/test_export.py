"""Tables on both engines: every row once, in bounded parts; the forms themselves are tested with the command line."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from homecheck.collector import administration, export
from homecheck.collector.store import export as export_store
from homecheck.collector.store import people as people_store
from homecheck.collector.store import waivers as waiver_store
from homecheck.collector.store.database import opened
from homecheck.collector.waivers import Asked
from tests.live_collector import PROGRAM, Site
from tests.people import FAILS, PASSES

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def house(site: Site) -> Site:
    """Two who have sent something, one of them twice, three who have not, and one waiver."""
    passing, failing = site.worker(PASSES), site.worker(FAILS)
    for worker in (passing, failing, passing):
        assert worker.check().status_code == 201
    for name in ("One", "Two", "Three"):
        site.invite(name)
    asked = Asked(PROGRAM, FAILS.name, "room.noise", "=now()", NOW, NOW + timedelta(days=9))
    administration.grant_waiver(site.database, asked, "ada", NOW)
    return site


def table(site: Site, kind: str, form: str = "csv", program: str = "") -> tuple[int, bytes]:
    file = io.BytesIO()
    with opened(site.database) as db:
        count = export.write(db, kind, form, file, program=program, now=NOW + timedelta(hours=1))
    return count, file.getvalue()


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 5, 1000])
def test_every_row_is_there_once_however_many_are_read_at_a_time(
    house: Site, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    for module in (export_store, waiver_store, people_store):
        monkeypatch.setattr(module, "AT_A_TIME", at_a_time)
    for kind, number in (("people", 5), ("evidence", 3), ("waivers", 1)):
        count, data = table(house, kind)
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert (count, len(rows), len({tuple(row.values()) for row in rows})) == (number, number, number)
    with opened(house.database) as db:
        assert len(list(people_store.each_with_evidence(db, PROGRAM))) == 2


def test_the_latest_check_and_what_it_counts_as_stand_with_each_person(house: Site) -> None:
    _, data = table(house, "people", "jsonl")
    rows = {row["name"]: row for row in map(json.loads, data.decode().splitlines())}
    assert rows[PASSES.name]["verdict"] == rows[PASSES.name]["counts_as"] == "pass"
    assert (rows[FAILS.name]["verdict"], rows[FAILS.name]["counts_as"]) == ("fail", "fail")  # one of four is waived
    assert rows[FAILS.name]["waived"].startswith("fail; Noise in the room: waived until ")
    assert rows["Two"] == dict.fromkeys(rows["Two"]) | {
        "program": PROGRAM, "person": rows["Two"]["person"], "name": "Two", "verdict": "none", "counts_as": "none",
        "waived": "", "unmet": "",
    }  # fmt: skip


def test_a_table_can_be_of_one_program(house: Site) -> None:
    assert [table(house, kind, program="sales")[0] for kind in export.TABLES] == [0, 0, 0]
    assert [table(house, kind, program=PROGRAM)[0] for kind in export.TABLES] == [5, 3, 1]
    header = table(house, "waivers", program="sales")[1].decode()
    assert header.count("\r\n") == 1
    assert header.startswith("id,program,person,name,quantity,")


def test_a_reason_that_is_a_formula_is_text(house: Site) -> None:
    _, data = table(house, "waivers")
    (row,) = csv.DictReader(io.StringIO(data.decode(), newline=""))
    assert row["reason"] == "'=now()"


def test_a_table_without_rows_is_a_table_in_every_form(house: Site) -> None:
    assert table(house, "evidence", "jsonl", "sales") == (0, b"")
    empty = pq.read_table(io.BytesIO(table(house, "evidence", "parquet", "sales")[1]))
    assert (empty.num_rows, empty.column_names[0]) == (0, "position")
