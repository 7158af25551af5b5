"""A new collector: database, keys, the first administrator; and opening one that is there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from homecheck.collector import keys, log_memory
from homecheck.collector.context import Collector
from homecheck.collector.log import Log
from homecheck.collector.store import events, settings, users
from homecheck.collector.store.database import Connection, Database, Readers, opened, transaction
from homecheck.collector.store.settings import Settings
from homecheck.collector.store.users import EVERYWHERE, User
from homecheck.collector.store.writer import Writer
from homecheck.errors import HomecheckError, SetupError
from homecheck.loopback import is_loopback
from homecheck.signing import base64url

DEFAULT_PORT: Final = 8861
DEFAULT_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"
FIRST_USER: Final = "admin"
FIRST_LINK_LIFE: Final = timedelta(hours=24)  # the collector does not even run yet
LINK_LIFE: Final = timedelta(minutes=15)
SIGN_IN_PATH: Final = "/sign-in/"
TOKEN_BYTES: Final = 16


@dataclass(frozen=True)
class NewCollector:
    """What set-up made."""

    database: Database
    settings: Settings
    sign_in: str


def create(database: Database, name: str, url: str | None, now: datetime) -> NewCollector:
    """Make database, keys and the first administrator. SetupError when something is there already; then all is left."""
    chosen = Settings(name, url and clean_url(url), DEFAULT_URL, f"{database.name}.keys")
    db = database.create()
    try:
        keys.create(chosen.keys_folder(database))
        log = _log(database, chosen)
        with transaction(db):
            _write_settings(db, chosen)
            settings.write(db, "log_key", log.key.vkey)
            users.add(db, User(FIRST_USER, {EVERYWHERE: "admin"}), now)
            token = sign_in_token(db, FIRST_USER, FIRST_LINK_LIFE, now)
            events.add(db, events.Event(now, "set-up", False, "operator", "", name, f"address {chosen.url}"))
    except HomecheckError:
        db.close()
        database.remove()  # half a collector is none, and would stop the next attempt; keys are never removed
        raise
    db.close()
    return NewCollector(database, chosen, sign_in_address(chosen, token))


def sign_in_token(db: Connection, user: str, life: timedelta, now: datetime) -> str:
    """Store a new single-use sign-in link of `user` and return its secret."""
    token = base64url(secrets.token_bytes(TOKEN_BYTES))
    users.add_link(db, token, user, now + life)
    return token


def sign_in_address(chosen: Settings, token: str) -> str:
    """Return the address that somebody opens to sign in."""
    return f"{chosen.url}{SIGN_IN_PATH}{token}"


def load(database: Database) -> Collector:
    """Return the collector in `database`, ready to serve. SetupError and KeyStoreError say what is missing."""
    with opened(database) as db:
        if not settings.is_set_up(db):
            raise SetupError(f"{database.place}: set-up did not come to its end", "Empty it and run init again.")
        chosen = settings.read(db)
        folder = chosen.keys_folder(database)
        held = keys.read(folder)
        log = _log(database, chosen)
        if chosen.log_key is None:
            with transaction(db):
                settings.write(db, "log_key", log.key.vkey)
        log_memory.check(db, folder, log.key)
    return Collector(chosen.name, chosen.url, held, folder, Readers(database), Writer(database.for_uploads()), log)


def _log(database: Database, chosen: Settings) -> Log:
    """Return the log; its name is the address at which the collector was reached when the log began to sign."""
    origin = chosen.log_key.partition("+")[0] if chosen.log_key else f"{urlsplit(chosen.url).netloc}/log"
    return Log(origin, keys.log_key(chosen.keys_folder(database), chosen.log_key, origin))


def clean_url(url: str) -> str:
    """Return the address as it stands in every document: scheme and host in lower case, no slash at the end."""
    advice = "Write it like this: https://collector.example.com"
    try:
        parts = urlsplit(url)
    except ValueError as error:  # a bracket without its other half
        raise SetupError(f"{url!r:.100} is no address of a server: {error}", advice) from None
    try:
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        raise SetupError(f"{url!r:.100}: the port is no number", "Write: https://collector.example.com") from None
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.query or parts.fragment or parts.username:
        raise SetupError(f"{url!r:.100} is no address of a server", advice)
    if parts.path.strip("/"):
        raise SetupError(
            f"{url!r:.100}: a collector has a host name of its own, without a path",
            "Write: https://collector.example.com",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SetupError(
            f"{url!r:.100}: without TLS everybody on the way can read it", "Use https://, also behind a proxy."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _write_settings(db: Connection, chosen: Settings) -> None:
    settings.write(db, "name", chosen.name)
    settings.write(db, "served_url", chosen.served_url)
    settings.write(db, "keys", chosen.keys)
    if chosen.configured_url:
        settings.write(db, "url", chosen.configured_url)
