"""Who this collector is: names, addresses and the folder of its keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck.collector.store.database import Connection, Database, one_or_none

_ROOM: Final = "room"


@dataclass(frozen=True)
class Settings:
    """What was given at set-up. `configured_url` is None when nobody has named an address.

    `served_url` is where the collector was last served from without a configured address. `keys` is a folder, relative
    to the database's own folder when it lies beside it, so that both can be moved together. `log_key` is the log's
    public key as a vkey, with its name; None until a log that was begun by an upgrade is first served.
    """

    name: str
    configured_url: str | None
    served_url: str
    keys: str
    log_key: str | None = None

    @property
    def url(self) -> str:
        """The collector's address, without a slash at the end: the `aud` of every document meant for it."""
        return self.configured_url or self.served_url

    def keys_folder(self, database: Database) -> Path:
        """Return the folder of the signing key and the challenge secret."""
        return database.folder / self.keys  # an absolute `keys` replaces what stands before it


def read(db: Connection) -> Settings:
    """Return the settings."""
    values = {row["name"]: row["value"] for row in db.execute("SELECT name, value FROM setting")}
    return Settings(values["name"], values.get("url"), values["served_url"], values["keys"], values.get("log_key"))


def write(db: Connection, name: str, value: str) -> None:
    """Set one setting: name, url, served_url, keys or log_key."""
    db.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def find(db: Connection, name: str) -> str | None:
    """Return the value of one setting, or None."""
    row = one_or_none(db, "SELECT value FROM setting WHERE name = ?", name)
    return None if row is None else str(row["value"])


def touch(db: Connection, moment: str) -> None:
    """Write something, to see whether writing is possible."""
    write(db, "last_touched", moment)


def take_room(db: Connection, size: int) -> None:
    """Write something of so many bytes, to see whether that much is taken. `give_room_back` removes it."""
    write(db, _ROOM, secrets.token_hex(size // 2))  # PostgreSQL would compress what repeats


def give_room_back(db: Connection) -> None:
    """Remove what `take_room` has written."""
    db.execute("DELETE FROM setting WHERE name = ?", (_ROOM,))


def is_set_up(db: Connection) -> bool:
    """Tell whether set-up came to its end."""
    return one_or_none(db, "SELECT 1 FROM setting WHERE name = 'keys'") is not None
