"""One route of the administration API, described once: from it come the route, what it refuses, and the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from homecheck.collector.access import not_allowed
from homecheck.collector.body import JSON, SECONDS
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may, scope_of
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.users import User
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record

Json = dict[str, Any]
Result = TypeVar("Result")
MAX_JSON: Final = 8_192  # bytes
LIMIT: Final = 100  # entries in an answer, where nobody asks for another number
MOST: Final = 500


@dataclass(frozen=True)
class Call:
    """One request by the owner of a token, its parameters checked."""

    collector: Collector
    db: Connection
    user: User
    source_address: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Record
    raw: bytes = b""  # a body that is no JSON
    if_match: str = ""
    list_name: str = ""

    @property
    def by(self) -> By:
        """Who changes something, for the record."""
        return By(self.user.name, self.source_address, self.user.token)

    def scope(self, right: Right = Right.READ) -> Scope:
        """Return the programs in which the caller has a right."""
        return scope_of(self.user, right)

    def sees(self, program: str) -> bool:
        """Tell whether the caller sees a program. What they do not see is answered as if it were not there."""
        return may(self.user, Right.READ, program)

    def check(self, right: Right, program: str) -> None:
        """Raise Problem unless the caller has a right in a program that they see."""
        if not self.sees(program):
            raise Problem("not-found", "there is no such program here")
        if not may(self.user, right, program):
            raise not_allowed(self.user, right)

    def program(self) -> str:
        """Return the program that the body names, or nothing. Problem for what cannot be the id of one."""
        if not self.body.has("program"):
            return ""
        found = self.body.text("program", max_length=64)
        OF_PROGRAM.check(found)
        return found

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in a transaction and return its result. Problem for what was wrong with what was asked."""
        try:
            return self.collector.writer.submit(work).result()
        except SetupError as error:
            raise Problem("bad-request", error.message, advice=error.advice) from None

    @property
    def now(self) -> datetime:
        """The time by the collector's clock."""
        return self.collector.clock()

    @property
    def limit(self) -> int:
        """How many entries are wanted."""
        return int(self.query.get("limit", LIMIT))


@dataclass(frozen=True)
class Reply:
    """An answer with more than members: another status, an ETag, or bytes as they are."""

    members: Json | None = None
    raw: bytes = b""
    status: int = 0  # 0: that of the operation
    etag: str = ""


@dataclass(frozen=True)
class Parameter:
    """A part of the address or of the query."""

    name: str
    place: Literal["path", "query"]
    text: str
    schema: Json

    def check(self, value: str) -> None:
        """Raise Problem unless the value is one that the schema takes."""
        if not _is_taken(self.schema, value):
            raise Problem("bad-request", f"{self.name}: {value!r:.60} is none of its values", advice=self.advice)

    @property
    def advice(self) -> str:
        """What the parameter is, and what it takes."""
        if self.schema["type"] == "integer":
            return f"{self.text} A number from {self.schema['minimum']} to {self.schema['maximum']}."
        if "enum" in self.schema:
            return f"{self.text} One of: {', '.join(one for one in self.schema['enum'] if one)}."
        return self.text


def _is_taken(schema: Json, value: str) -> bool:
    if schema["type"] == "integer":
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else -1
        return bool(schema["minimum"] <= number <= schema["maximum"])
    if len(value) > schema.get("maxLength", 500):
        return False
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value, re.ASCII):  # `$` alone lets a line end pass
        return False
    return value in schema.get("enum", (value,))


Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Operation:
    """One route. `run` returns the members of the answer, and is called in a thread.

    `everywhere`: the right is needed in every program. `conditional`: If-Match must name the state that is changed.
    """

    method: Method
    path: str
    name: str
    summary: str
    right: Right
    run: Callable[[Call], Json | Reply]
    answer: Json | None  # a JSON schema; None: the answer has no content
    parameters: tuple[Parameter, ...] = ()
    body: Json | None = None  # a JSON schema
    body_type: str = JSON
    most: int = MAX_JSON  # bytes of the body
    seconds: float = SECONDS  # in which it must have arrived
    status: int = 200
    more: tuple[int, ...] = ()  # other good statuses with the same answer
    media_type: str = JSON
    refusals: tuple[str, ...] = field(default=())  # reasons, besides those that every operation has
    example: Json | str | None = None  # of a body
    everywhere: bool = False
    conditional: bool = False
    tagged: bool = False  # the answer has an ETag

    def check(self, path: Mapping[str, str], query: list[tuple[str, str]]) -> None:
        """Raise Problem for a parameter that is unknown, given twice, or has a value that is not taken."""
        known = {one.name: one for one in self.parameters}
        given = [name for name, _ in query]
        for name, value in [*path.items(), *query]:
            if name not in known:
                raise Problem("bad-request", f"{name!r:.60}: there is no such parameter here")
            if given.count(name) > 1:
                raise Problem("bad-request", f"{name}: given more than once")
            known[name].check(value)


def text(pattern: str = "", most: int = 200) -> Json:
    """Return the schema of a text."""
    return {"type": "string", "maxLength": most, **({"pattern": pattern} if pattern else {})}


def moment() -> Json:
    """Return the schema of a time."""
    return {"type": "string", "format": "date-time"}


def nullable(schema: Json) -> Json:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def objects(**members: Json) -> Json:
    """Return the schema of an object with exactly these members."""
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def lists(of: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


def takes(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    """Return the schema of a body with these members and no others."""
    members = {**required, **(optional or {})}
    found: Json = {"type": "object", "properties": members, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def at(when: datetime | None) -> str | None:
    """Return a time as answers have it."""
    return None if when is None else to_text(when)


VERDICTS: Final = ("pass", "warn", "inconclusive", "fail")
TEXT: Final = {"type": "string"}
BOOLEAN: Final = {"type": "boolean"}
INTEGER: Final = {"type": "integer"}
PROGRAM: Final = text(r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$", 64)
VERDICT: Final = {"type": "string", "enum": list(VERDICTS)}
DIGEST: Final = text(r"^sha256:[0-9a-f]{64}$", 71)
KID: Final = text(r"^[A-Za-z0-9_-]{43}$", 43)
PERSON_ID: Final = text(r"^[A-Za-z0-9_-]{22}$", 22)
NAME: Final = {**text(), "minLength": 1}
REASON: Final = {**text(), "minLength": 1}
ID: Final = Parameter("id", "path", "The opaque id of a person in a program.", PERSON_ID)
PROGRAM_ID: Final = Parameter("program", "path", "The id of a program.", PROGRAM)
OF_PROGRAM: Final = Parameter("program", "query", "The id of a program.", PROGRAM)
LIMITED: Final = Parameter(
    "limit",
    "query",
    f"How many entries an answer has at most; {LIMIT} unless said otherwise.",
    {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
)
