"""Tables for spreadsheets and programs: people, evidence and waivers, as CSV, JSON lines or Parquet.

Rows are read and written some at a time, so a table may be longer than memory. Texts in CSV are never formulas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, Literal

from homecheck import csv_safe
from homecheck.collector.store import export as store
from homecheck.collector.store import waivers as waiver_store
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.evidence import Summary
from homecheck.collector.store.people import Person
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.waivers import effective
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text

Kind = Literal["text", "time", "number", "integer"]
Value = str | float | int | datetime | None
Rows = Iterator[list[tuple[Value, ...]]]
MAX_CELL: Final = 32_000  # characters; a spreadsheet cuts a cell off at 32 767 without a word


@dataclass(frozen=True)
class Table:
    """One kind of row: its columns, and its rows of all programs or of one."""

    columns: Mapping[str, Kind]
    rows: Callable[[Connection, str, datetime], Rows]


def _people(db: Connection, program: str, now: datetime) -> Rows:
    for part in store.people(db, program):
        waived = waiver_store.of_people(db, [who.id for who, _ in part], now)
        yield [_person_row(who, check, waived.get(who.id, []), now) for who, check in part]


def _person_row(who: Person, check: Summary | None, waivers: list[Waiver], now: datetime) -> tuple[Value, ...]:
    if check is None:
        return (who.program, who.id, who.name, "none", "none", "", None, "", None, None, None, None, None)
    return (
        who.program, who.id, who.name, check.verdict.word, *_counted(check, waivers, now), _words(check),
        check.received_at, check.digest, check.policy_name, check.policy_version, check.freshness,
    )  # fmt: skip


def _evidence(db: Connection, program: str, now: datetime) -> Rows:
    for part in store.evidence(db, program):
        waived = waiver_store.of_people(db, sorted({who.id for who, _ in part}), now)
        yield [
            (
                check.position, check.digest, check.received_at, who.program, who.id, who.name, check.verdict.word,
                _words(check), check.policy_name, check.policy_version, check.freshness, check.clock_skew, check.kid,
                *_counted(check, waived.get(who.id, []), now),
            )
            for who, check in part
        ]  # fmt: skip


def _counted(check: Summary, waivers: list[Waiver], now: datetime) -> tuple[str, str, datetime | None]:
    """Return what a verdict counts as with the waivers that count now, in which words, and until when."""
    found = effective(check.verdict, check.unmet, waivers, now)
    until = min((one.expires_at for one in found.waived), default=None)
    return found.counts_as.word, found.words if found.waived else "", until


def _waivers(db: Connection, program: str, now: datetime) -> Rows:
    for one in waiver_store.each(db, program):
        yield [
            (
                one.id, one.person.program, one.person.id, one.person.name, one.quantity, one.state(now), one.reason,
                one.approved_by, one.approved_at, one.starts_at, one.expires_at, one.revoked_at, one.revoked_by,
                one.revoked_reason,
            )
        ]  # fmt: skip


def _words(check: Summary) -> str:
    return "; ".join(f"{quantity} {verdict.word}" for quantity, verdict in check.unmet)


TABLES: Final[Mapping[str, Table]] = {
    "people": Table(
        {
            "program": "text", "person": "text", "name": "text", "verdict": "text", "counts_as": "text",
            "waived": "text", "waived_until": "time", "unmet": "text", "received_at": "time", "evidence": "text",
            "policy": "text", "policy_version": "text", "freshness": "text",
        },
        _people,
    ),
    "evidence": Table(
        {
            "position": "integer", "evidence": "text", "received_at": "time", "program": "text", "person": "text",
            "name": "text", "verdict": "text", "unmet": "text", "policy": "text", "policy_version": "text",
            "freshness": "text", "clock_skew_s": "number", "key": "text", "counts_as": "text", "waived": "text",
            "waived_until": "time",
        },
        _evidence,
    ),
    "waivers": Table(
        {
            "id": "text", "program": "text", "person": "text", "name": "text", "quantity": "text", "state": "text",
            "reason": "text", "approved_by": "text", "approved_at": "time", "starts_at": "time", "expires_at": "time",
            "revoked_at": "time", "revoked_by": "text", "revoked_reason": "text",
        },
        _waivers,
    ),
}  # fmt: skip


def write_csv(table: Table, parts: Rows, file: BinaryIO) -> None:
    """Write CSV in UTF-8, with a header line."""
    file.write(csv_safe.row(table.columns).encode())
    for part in parts:
        file.write("".join(csv_safe.row(map(_cell, row)) for row in part).encode())


def write_jsonl(table: Table, parts: Rows, file: BinaryIO) -> None:
    """Write one JSON object a line."""
    for part in parts:
        lines = (dict(zip(table.columns, map(_plain, row), strict=True)) for row in part)
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())


def write_parquet(table: Table, parts: Rows, file: BinaryIO) -> None:
    """Write Parquet. SetupError when pyarrow is missing."""
    try:
        import pyarrow as pa  # here: few need it, and it is large
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise SetupError(
            "Parquet needs the package pyarrow", "Install it: pip install 'homecheck[parquet]', or take csv or jsonl."
        ) from None
    kinds = {"text": pa.string(), "time": pa.timestamp("ms", tz="UTC"), "number": pa.float64(), "integer": pa.int64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns.items()])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _gathered(parts):
            columns = [
                pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


WRITERS: Final[Mapping[str, Callable[[Table, Rows, BinaryIO], None]]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
GROUP: Final = 20_000  # rows of Parquet that are kept together


def write(db: Connection, kind: str, form: str, file: BinaryIO, *, program: str = "", now: datetime) -> int:
    """Write a table and return how many rows it has."""
    table, count = TABLES[kind], 0

    def counted() -> Rows:
        nonlocal count
        for part in table.rows(db, program, now):
            count += len(part)
            yield part

    WRITERS[form](table, counted(), file)
    return count


def _gathered(parts: Iterable[list[tuple[Value, ...]]]) -> Iterator[list[tuple[Value, ...]]]:
    gathered: list[tuple[Value, ...]] = []
    for part in parts:
        gathered += part
        if len(gathered) >= GROUP:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _plain(value: Value) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def _cell(value: Value) -> csv_safe.Cell:
    plain = _plain(value)
    return plain if not isinstance(plain, str) or len(plain) <= MAX_CELL else plain[:MAX_CELL] + "…"
