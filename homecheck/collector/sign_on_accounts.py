"""Setting company sign-on up, and turning who was vouched for into an account with the roles of their groups."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from homecheck import durable
from homecheck.collector.sign_on import Identity, discover
from homecheck.collector.store import events, programs, sessions, settings, users
from homecheck.collector.store import sign_on as store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.sign_on import SignOn
from homecheck.collector.store.users import EVERYWHERE, Role, User
from homecheck.collector.user_changes import NAME
from homecheck.errors import KeyStoreError, SetupError
from homecheck.keys import refuse_shared

FILE: Final = "sign-on.secret"


def set_up(database: Database, chosen: SignOn, secret: str, by: str, now: datetime) -> None:
    """Store the provider after asking it for its addresses, and its secret beside the keys. SetupError: not so."""
    if not secret or not secret.isprintable():
        raise SetupError("the client secret is empty or not printable", "Give the file that holds it alone.")
    discover(chosen.issuer)
    with opened(database) as db, transaction(db):
        for meaning in chosen.meanings:
            if meaning.program != EVERYWHERE:
                programs.get(db, meaning.program)
        before = store.read(db)
        durable.write(settings.read(db).keys_folder(database) / FILE, secret.encode())
        store.write(db, chosen)
        said = {"before": before.words if before else "", "after": chosen.words}
        events.note(db, now, "sign-on-set", By(by), chosen.issuer, **said)


def remove(database: Database, by: str, now: datetime) -> None:
    """Have no provider any more. Accounts stay, without roles, so that nobody signs in with what a group once gave."""
    with opened(database) as db, transaction(db):
        before = store.read(db)
        if before is None:
            raise SetupError("company sign-on is not set up", "See: homecheck collector oidc set --help")
        for name in store.accounts(db):
            _give(db, name, {}, By(by), now)
            sessions.end_others(db, name, "")
        store.write(db, None)
        (settings.read(db).keys_folder(database) / FILE).unlink(missing_ok=True)
        events.note(db, now, "sign-on-removed", By(by), before.issuer, before=before.words)


def client_secret(keys_folder: Path) -> str:
    """Return the client secret. KeyStoreError when it is missing or readable by others."""
    found = durable.read(keys_folder / FILE)
    if found is None:
        raise KeyStoreError(f"{keys_folder / FILE}: the client secret is missing", "Set company sign-on up again.")
    refuse_shared(keys_folder / FILE)
    return found.decode()


def admit(db: Connection, chosen: SignOn, who: Identity, source_address: str, now: datetime) -> str | None:
    """Return the account of somebody, with the roles of their groups, inside a transaction; None when they have none.

    Who had an account and is in no group any more loses its roles, and its sessions end.
    """
    roles = {place: role for place, role in chosen.roles(who.groups).items() if _is_there(db, place)}
    name = store.account_of(db, chosen.issuer, who.subject)
    if not roles:
        if name is not None:
            _give(db, name, {}, By("company sign-on", source_address), now)
            sessions.end_others(db, name, "")
        events.add(db, Event(now, "sign-in-refused", True, name or "somebody", source_address, name or "somebody", ""))
        return None
    if name is None:
        name = _free_name(db, chosen.issuer, who)
        users.add(db, User(name, roles), now)
        store.link(db, chosen.issuer, who.subject, name)
        after = users.get(db, name).words
        events.note(db, now, "user-added", By("company sign-on", source_address), name, after=after)
        return name
    _give(db, name, roles, By("company sign-on", source_address), now)
    return name


def _give(db: Connection, name: str, roles: Mapping[str, Role], by: By, now: datetime) -> None:
    """Give an account exactly these roles, with an event where they are others."""
    before = users.get(db, name).words
    store.give_roles(db, name, roles)
    after = users.get(db, name).words
    if after != before:
        events.note(db, now, "role-changed", by, name, before=before, after=after)


def _is_there(db: Connection, place: str) -> bool:
    return place == EVERYWHERE or programs.find(db, place) is not None


def _free_name(db: Connection, issuer: str, who: Identity) -> str:
    """Return a name for a new account: the provider's, unless somebody here has it: that may be another person."""
    if NAME.fullmatch(who.name) and users.find(db, who.name) is None:
        return who.name
    return "oidc-" + hashlib.sha256(f"{issuer} {who.subject}".encode()).hexdigest()[:16]
