"""What is in a backup: named and counted first, so that nothing of it is used before it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.errors import Refused, SetupError
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1


@dataclass(frozen=True)
class Part:
    """One file in a backup."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Whose backup it is, from when, and what is in it.

    `schema` is the database's format, `keys` the folder of its keys as its settings name it. The log has at least
    `size` entries in it: so many it had when the backup was begun.
    """

    software: str
    engine: str
    schema: int
    url: str
    keys: str
    made_at: datetime
    size: int
    parts: tuple[Part, ...]

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return serialize(
            {
                "v": VERSION,
                "software": self.software,
                "engine": self.engine,
                "schema": self.schema,
                "collector": self.url,
                "keys_folder": self.keys,
                "made_at": to_text(self.made_at),
                "log_size": self.size,
                "files": [vars(one) for one in self.parts],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Manifest:
        """Return the manifest. SetupError names the file when it is none, or of a later version."""
        try:
            record = Record(parse_object(data), "manifest")
            if (version := record.integer("v")) != VERSION:
                raise SetupError(
                    f"{where}: this backup has the format {version}, this version of homecheck reads {VERSION}",
                    "Restore it with the version of homecheck that made it, or a later one.",
                )
            return cls(
                software=record.text("software"),
                engine=record.text("engine"),
                schema=record.integer("schema"),
                url=record.text("collector"),
                keys=record.text("keys_folder"),
                made_at=from_text(record.text("made_at")),
                size=record.integer("log_size"),
                parts=tuple(_part(one) for one in record.records("files")),
            )
        except (Refused, ValueError) as error:
            raise SetupError(
                f"{where}: no backup of a collector: {error}", "Give a file of `collector backup`."
            ) from None


def _part(record: Record) -> Part:
    return Part(record.text("name"), record.integer("size"), record.text("sha256"))
