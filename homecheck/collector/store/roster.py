"""The list of people: filtered, sorted and counted by the columns of their rows; a page begins behind the last row of
the one before, so the thousandth page is as quick as the first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from homecheck.appraisal import Verdict
from homecheck.collector.store import tally
from homecheck.collector.store.connection import Connection, Row, marks
from homecheck.collector.store.overview import NOT_CHECKED, RANKS
from homecheck.collector.store.people import Person
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.tally import first_moment
from homecheck.standards.rfc_3339 import from_text, to_text

NO_CHECK: Final = "none"  # the verdict of somebody of whom nothing was received
VERDICTS: Final = {**{verdict.word: rank for verdict, rank in RANKS.items()}, NO_CHECK: NOT_CHECKED}
STATES: Final = ("overdue", "waiting", "lapsed", "waived")
UNCHECKED: Final = ("waiting", "lapsed")  # states of people of whom nothing was received
LOOKED_AT: Final = 5_000  # people along the order of a list, before whoever a filter lets through is sorted
NEAR: Final = "near"  # an outcome beside the verdicts: the value is near its limit, on either side
OUTCOMES: Final = (Verdict.FAIL.word, Verdict.INCONCLUSIVE.word, Verdict.WARN.word, NEAR)
UNKNOWN: Final = "unknown"  # as a link, region, system or version: the check does not say


@dataclass(frozen=True)
class Filter:
    """Which people are meant; what is empty lets everybody through.

    `state` is one of `STATES`. `quantity` and `outcome` go together: people whom this requirement concerns. `region`
    is a country or a part of one. `days`: whose last check came today or on that many days before, in UTC.
    """

    program: str = ""
    verdict: str = ""
    name: str = ""
    state: str = ""
    quantity: str = ""
    outcome: str = ""
    region: str = ""
    link: str = ""
    system: str = ""
    software: str = ""
    hour: str = ""
    days: str = ""


@dataclass(frozen=True)
class Order:
    """How a list is sorted: the columns, what must be known for it, and whether the highest comes first."""

    columns: tuple[str, ...]
    known: str = "1 = 1"
    falling: bool = False


ORDERS: Final = {
    "worst": Order(("rank", "folded", "id")),
    "name": Order(("folded", "id")),
    "failing": Order(("failing_since", "id"), "failing_since IS NOT NULL"),
    "due": Order(("due", "id"), "due IS NOT NULL"),
    "latest": Order(("received", "id"), "received IS NOT NULL", falling=True),
}
# A planner that expects the first hundred soon would ask for each person, in the order of the list.
_MATERIALIZED: Final = "person.id IN (WITH found AS MATERIALIZED ({found}) SELECT found.person FROM found)"
BY_ID: Final = Order(("id",))  # for programs, which go through everybody


@dataclass(frozen=True)
class Deadlines:
    """Since when a person fails, and when their next check is due; None where it is not so, or nothing was received."""

    due_at: datetime | None
    failing_since: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether a check is missed."""
        return self.due_at is not None and self.due_at < now


@dataclass(frozen=True)
class PersonRow(Deadlines):
    """One person on the list, with the evidence received last; `invited_until` is the end of an open invitation.

    `letter_at`: when the letter that an invitation is to leave with is tried next.
    """

    person: Person
    verdict: Verdict | None
    digest: str
    received_at: datetime | None
    link: str
    region: str
    concerns: tuple[tuple[str, Verdict], ...]
    enrolled: bool
    invited_until: datetime | None
    letter_at: datetime | None
    place: tuple[Any, ...]  # in the order of the list: a page that follows begins behind it


@dataclass(frozen=True)
class Counts:
    """How many people have which verdict and which state."""

    verdicts: dict[str, int]
    states: dict[str, int]

    @property
    def total(self) -> int:
        """Everybody."""
        return sum(self.verdicts.values())


def people(
    db: Connection,
    scope: Scope,
    wanted: Filter,
    now: datetime,
    order: Order,
    *,
    behind: tuple[Any, ...] = (),
    limit: int,
    looked_at: int = LOOKED_AT,
) -> list[PersonRow]:
    """Return the next `limit` people that a filter lets through, behind a place in the order.

    `looked_at`: so many people along the order first, before whoever the filter lets through is sorted.
    """
    conditions, values = _where(scope, wanted, now)
    page = _Page(order, behind, limit)
    rows = page.first_few(db, wanted, conditions, values, looked_at)
    if len(rows) < limit:
        conditions, values = _where(scope, wanted, now, concern=_MATERIALIZED)
        rows = page.sorted(db, conditions, values)
    ids = [row["id"] for row in rows]
    concerns, enrolled, invited, letters = (
        _concerns(db, ids),
        _enrolled(db, ids),
        _invited(db, ids, now),
        _letters(db, ids),
    )
    return [
        PersonRow(
            person=Person(row["id"], row["program"], row["name"]),
            verdict=Verdict.of(row["verdict"]) if row["verdict"] else None,
            digest=row["digest"] or "",
            received_at=from_text(row["received_at"]) if row["received_at"] else None,
            due_at=_moment(row["due"]),
            failing_since=_moment(row["failing_since"]),
            link=row["link"],
            region=row["region"],
            concerns=tuple(concerns.get(row["id"], ())),
            enrolled=row["id"] in enrolled,
            invited_until=invited.get(row["id"]),
            letter_at=letters.get(row["id"]),
            place=tuple(row[column] for column in order.columns),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class _Page:
    """A part of a list: the next `limit` people behind a place in an order."""

    order: Order
    behind: tuple[Any, ...]
    limit: int

    def first_few(
        self, db: Connection, wanted: Filter, conditions: list[str], values: list[Any], looked_at: int
    ) -> list[Row]:
        """Return those who are let through among the next people along an index of the order, `looked_at` of them.

        A full page is the page; of a filter that lets one of fifty through it is, and nobody was sorted.
        """
        along, its = self._along(wanted)
        if len(along) == sum(condition != "1 = 1" for condition in conditions):
            return []  # the index leads to them alone: nobody has to be let through
        place, its_place = self._place()
        walked = " AND ".join([*along, *place])
        near = f"SELECT * FROM person WHERE {walked} ORDER BY {self._sorting} LIMIT {looked_at}"  # noqa: S608
        found = f"SELECT person.id AS one FROM ({near}) AS person WHERE {' AND '.join(conditions)}"  # noqa: S608
        return self._rows(db, found, (*its, *its_place, *values))

    def sorted(self, db: Connection, conditions: list[str], values: list[Any]) -> list[Row]:
        """Return the page out of everybody who is let through: sorted, where no index has the order."""
        place, its_place = self._place()
        found = f"SELECT person.id AS one FROM person WHERE {' AND '.join([*conditions, *place])}"  # noqa: S608
        return self._rows(db, found, (*values, *its_place))

    def _along(self, wanted: Filter) -> tuple[list[str], list[Any]]:
        """Return the conditions of a filter that the index of the order begins with, and their values."""
        found: list[tuple[str, Any]] = []
        if wanted.program and self.order in (ORDERS["worst"], ORDERS["due"]):
            found.append(("person.program = ?", wanted.program))
        if self.order == ORDERS["worst"] and wanted.verdict:
            found.append(("person.rank = ?", VERDICTS.get(wanted.verdict, -1)))
        elif self.order == ORDERS["worst"] and wanted.state in UNCHECKED:
            found.append(("person.rank = ?", NOT_CHECKED))
        return [condition for condition, _ in found], [value for _, value in found]

    def _place(self) -> tuple[list[str], tuple[Any, ...]]:
        """Return the conditions that somebody has a place in the order, behind this one."""
        if not self.behind:
            return [self.order.known], ()
        columns = ", ".join(f"person.{column}" for column in self.order.columns)
        sign = "<" if self.order.falling else ">"
        return [self.order.known, f"({columns}) {sign} ({marks(self.behind)})"], self.behind

    @property
    def _sorting(self) -> str:
        direction = " DESC" if self.order.falling else ""
        return ", ".join(f"person.{column}{direction}" for column in self.order.columns)

    def _rows(self, db: Connection, found: str, values: tuple[Any, ...]) -> list[Row]:
        """Return what lists show of people whose ids are found: sorted by these, the rest is looked up for a page."""
        return db.execute(
            "SELECT person.*, evidence.digest, evidence.verdict, evidence.received_at"  # noqa: S608
            f" FROM ({found} ORDER BY {self._sorting} LIMIT ?) AS page JOIN person ON person.id = page.one"
            f" LEFT JOIN evidence ON evidence.position = person.latest ORDER BY {self._sorting}",
            (*values, self.limit),
        ).fetchall()


def deadlines(db: Connection, person_id: str) -> Deadlines:
    """Return the deadlines of a person who is there."""
    row = db.execute("SELECT due, failing_since FROM person WHERE id = ?", (person_id,)).fetchone()
    return Deadlines(_moment(row["due"]), _moment(row["failing_since"]))


def counts(db: Connection, scope: Scope, wanted: Filter, now: datetime) -> Counts:
    """Return how many people there are by verdict, and by state; each without regard to its own part of the filter."""
    ranks, overdue = _ranks(db, scope, wanted, now)
    conditions, values = _where(scope, wanted, now, but="state")
    known = dict.fromkeys(_nobodys(wanted), 0) | ({} if overdue is None else {"overdue": overdue})
    states = {one: known[one] if one in known else _count(db, conditions, values, _state(one, now)) for one in STATES}
    return Counts({word: ranks[rank] for word, rank in VERDICTS.items() if ranks[rank]}, states)


def _nobodys(wanted: Filter) -> tuple[str, ...]:
    """Return the states that nobody can have whom a filter lets through, because of what it says of a check."""
    if wanted.verdict == NO_CHECK:
        return ("overdue", "waived")
    told = any(getattr(wanted, name) not in ("", UNKNOWN) for name in ("link", "region", "system", "software"))
    checked = told or wanted.verdict or wanted.quantity or wanted.hour or _number(wanted.days, 0)
    return UNCHECKED if checked else ()


def _ranks(db: Connection, scope: Scope, wanted: Filter, now: datetime) -> tuple[Counter[int], int | None]:
    """Return how many people there are by rank: from the numbers that are kept, where these tell, else by counting.

    Whoever counts looks at everybody's row, and so returns how many are overdue as well, unless a state is asked for.
    """
    conditions, values = _where(scope, wanted, now, but="verdict")
    alike = _alike(wanted)
    if alike is None:
        # With the sign SQLite takes the index that the filter is about, or reads the table as it lies; without, it
        # would walk along the rank and look up each row.
        late, moment = _state("overdue", now)
        sql = (
            f"SELECT +person.rank, COUNT(*), COUNT(CASE WHEN {late} THEN 1 END) FROM person"  # noqa: S608
            f" WHERE {' AND '.join(conditions)} GROUP BY +person.rank"
        )
        found = db.execute(sql, [*moment, *values]).fetchall()
        meant = {VERDICTS.get(wanted.verdict, -1)} if wanted.verdict else {row[0] for row in found}
        overdue = None if wanted.state else sum(row[2] for row in found if row[0] in meant)
        return Counter({row[0]: row[1] for row in found}), overdue
    days = _number(wanted.days, 0)
    since = first_moment(now, days) // tally.DAY if days else 0
    sql = f"SELECT COUNT(*) FROM person WHERE {' AND '.join([*conditions, 'person.rank = ?'])}"  # noqa: S608
    unchecked = Counter({NOT_CHECKED: db.execute(sql, (*values, NOT_CHECKED)).fetchone()[0]})
    return unchecked + tally.by_rank(db, scope, wanted.program, alike, since), None


def _alike(wanted: Filter) -> tally.Alike | None:
    """Return what those have in common whom a filter lets through, whatever their verdict; None for more than that."""
    kinds = [kind for kind in tally.GROUPS if getattr(wanted, kind)]
    if wanted.name or wanted.state or wanted.quantity or len(kinds) > 1:
        return None
    if not kinds:
        return tally.Alike()
    (kind,) = kinds
    name = getattr(wanted, kind)
    if kind == "region":
        return tally.Alike(kind, *_region(name, "name"))
    if kind == "hour":
        return tally.Alike(kind, "name = ?", (str(_number(name, -1)),))
    return tally.Alike(kind, "name = ?", ("" if name == UNKNOWN else name,))


def _region(wanted: str, column: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition that a column names a region, or a part of it."""
    region = "" if wanted == UNKNOWN else wanted
    return f"({column} = ? OR {column} LIKE ? ESCAPE '!')", (region, f"{_literally(region)}-%")


def waived(db: Connection, scope: Scope, wanted: Filter, now: datetime) -> int:
    """Return how many people a filter lets through who miss something and have a waiver for it."""
    return _count(db, *_where(scope, wanted, now, but="state"), _state("waived", now))


def _count(db: Connection, conditions: list[str], values: list[Any], state: tuple[str, list[Any]]) -> int:
    more, its = state
    sql = f"SELECT COUNT(*) FROM person WHERE {' AND '.join([*conditions, more])}"  # noqa: S608 - as above
    return int(db.execute(sql, [*values, *its]).fetchone()[0])


def _where(
    scope: Scope, wanted: Filter, now: datetime, but: str = "", concern: str = "person.id IN ({found})"
) -> tuple[list[str], list[Any]]:
    """Return the conditions of a filter on `person` within a scope, without the part called `but`, and their values.

    `concern`: how those are asked for whom a requirement concerns.
    """
    within, names = scope.condition("person.program")
    conditions: list[str] = [within]
    values: list[Any] = [*names]
    for column in ("program", "link", "system", "software"):
        if text := getattr(wanted, column):
            conditions.append(f"person.{column} = ?")
            values.append("" if text == UNKNOWN and column != "program" else text)
    if wanted.verdict and but != "verdict":
        conditions.append("person.rank = ?")
        values.append(VERDICTS.get(wanted.verdict, -1))
    if wanted.name:
        conditions.append("person.folded LIKE ? ESCAPE '!'")
        values.append(f"%{_literally(wanted.name.casefold())}%")
    if wanted.region:
        condition, its = _region(wanted.region, "person.region")
        conditions.append(condition)
        values += its
    if wanted.hour:
        conditions.append("person.hour = ?")
        values.append(_number(wanted.hour, -1))
    if days := _number(wanted.days, 0):
        conditions.append("person.received >= ?")
        values.append(first_moment(now, days))
    for part, (more, others) in (("quantity", _concern(wanted, concern)), ("state", _state(wanted.state, now))):
        if more and but != part:
            conditions.append(more)
            values += others
    return conditions, values


def _concern(wanted: Filter, asked: str) -> tuple[str, list[Any]]:
    if not wanted.quantity:
        return "", []
    outcome = "concern.margin IS NOT NULL" if wanted.outcome == NEAR else "concern.verdict = ?"
    values = [wanted.quantity] if wanted.outcome == NEAR else [wanted.quantity, wanted.outcome or Verdict.FAIL.word]
    return asked.format(found=f"SELECT concern.person FROM concern WHERE concern.quantity = ? AND {outcome}"), values  # noqa: S608


def _state(state: str, now: datetime) -> tuple[str, list[Any]]:
    """Return the condition of a state; an unknown one is nobody's."""
    opened = f"person.id IN ({_OPENED})"
    if state == "overdue":
        return "person.due < ?", [int(now.timestamp())]
    if state == "waiting":
        return f"person.rank = ? AND {opened}", [NOT_CHECKED, to_text(now)]
    if state == "lapsed":
        device = "NOT EXISTS (SELECT 1 FROM device WHERE device.person = person.id)"
        return f"person.rank = ? AND NOT {opened} AND {device}", [NOT_CHECKED, to_text(now)]
    if state == "waived":
        words = (Verdict.FAIL.word, Verdict.INCONCLUSIVE.word)
        return f"person.id IN ({_WAIVED})", [to_text(now), to_text(now), *words]
    return ("1 = 0" if state else ""), []


# An invitation whose letter waits for the morning is made when it leaves.
_OPENED: Final = (
    "SELECT invite.person FROM invite WHERE invite.redeemed_at IS NULL AND invite.expires_at > ?"
    " UNION ALL SELECT letter.person FROM letter WHERE letter.state = 'waiting' AND letter.kind = 'invitation'"
)
# People with something unmet that a waiver which counts now is for: goes through the waivers, which are few, and looks
# up what each is for. As a join PostgreSQL would read all that is unmet instead.
_WAIVED: Final = (
    "SELECT waiver.person FROM waiver"
    " WHERE waiver.revoked_at IS NULL AND waiver.starts_at <= ? AND waiver.expires_at > ?"
    " AND (SELECT concern.verdict FROM concern"
    " WHERE concern.person = waiver.person AND concern.quantity = waiver.quantity) IN (?, ?)"
)


def _number(text: str, otherwise: int) -> int:
    """Return a number of an address, or what counts for a text that is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else otherwise


def _literally(text: str) -> str:
    """Return a text as LIKE takes it for what it is."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _concerns(db: Connection, ids: list[str]) -> dict[str, list[tuple[str, Verdict]]]:
    """Return what failed or could not be decided, by person, worst first."""
    found: dict[str, list[tuple[str, Verdict]]] = {}
    words = (Verdict.FAIL.word, Verdict.INCONCLUSIVE.word)
    for row in _of(db, ids, "SELECT person, quantity, verdict FROM concern WHERE verdict IN (?, ?) AND", words):
        found.setdefault(row["person"], []).append((row["quantity"], Verdict.of(row["verdict"])))
    return {person: sorted(its, key=lambda one: (-one[1], one[0])) for person, its in found.items()}


def _enrolled(db: Connection, ids: list[str]) -> frozenset[str]:
    return frozenset(row["person"] for row in _of(db, ids, "SELECT DISTINCT person FROM device WHERE", ()))


def _invited(db: Connection, ids: list[str], now: datetime) -> dict[str, datetime]:
    sql = "SELECT person, expires_at FROM invite WHERE redeemed_at IS NULL AND expires_at > ? AND"
    rows = _of(db, ids, sql, (to_text(now),))
    return {row["person"]: from_text(row["expires_at"]) for row in sorted(rows, key=lambda row: str(row["expires_at"]))}


def _letters(db: Connection, ids: list[str]) -> dict[str, datetime]:
    sql = "SELECT person, next_at FROM letter WHERE state = 'waiting' AND kind = 'invitation' AND"
    return {row["person"]: from_text(row["next_at"]) for row in _of(db, ids, sql, ())}


def _of(db: Connection, ids: list[str], sql: str, values: tuple[str, ...]) -> list[Row]:
    return db.execute(f"{sql} person IN ({marks(ids)})", (*values, *ids)).fetchall() if ids else []
