"""Local accounts: signing in with a password and a second factor, and changing both.

Nobody is told which of name, password and code was wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from homecheck.collector import credential_digests as digests
from homecheck.collector import guessing, passwords, user_changes
from homecheck.collector.access import Access, Visitor
from homecheck.collector.problems import Problem
from homecheck.collector.sealing import seal, unseal
from homecheck.collector.store import credentials, events, sessions, users
from homecheck.collector.store.credentials import Totp
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By, Event
from homecheck.errors import SetupError
from homecheck.standards import rfc_6238

SECRET_BYTES: Final = 20  # RFC 4226, section 4: 160 bits are recommended
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10  # 80 bits: their hash cannot be guessed back
FRESH: Final = timedelta(minutes=15)  # so long after a sign-in link nothing else is asked for


@dataclass(frozen=True)
class Attempt:
    """What somebody typed to sign in, and from where."""

    name: str
    password: str
    code: str
    source_address: str


@dataclass(frozen=True)
class Accounts:
    """The accounts of one collector."""

    access: Access

    def sign_in(self, attempt: Attempt, cookies: Mapping[str, str]) -> str:
        """Return the secret of a new session. Problem when something was wrong, or was wrong too often."""
        collector, now = self.access.collector, self.access.collector.clock()
        name, source = attempt.name, attempt.source_address
        self._count(name, source, now)
        stored = credentials.password_hash(collector.readers(), name)
        right = collector.passwords.matches(stored, attempt.password)
        outdated = right and stored is not None and collector.passwords.is_outdated(stored)
        renewed = collector.passwords.hashed(attempt.password) if outdated else None

        def begin(db: Connection) -> str | None:
            known = users.find(db, name)
            same = right and known is not None and credentials.password_hash(db, name) == stored
            if not same or not self._second_factor(db, attempt, now):
                _note_attempt(db, "sign-in-failed", name, source, now)
                return None
            guessing.forget(db, name, source)
            if renewed is not None:
                credentials.set_password(db, name, renewed, now)
                by, kind = By(name, source), digests.PASSWORD_RENEWED
                events.note(db, now, kind, by, name, digests.password_shown(renewed))
            return self.access.begin(db, name, "password", cookies, source, now)

        secret = collector.writer.submit(begin).result()
        if secret is None:
            raise Problem("sign-in-failed", "name, password or code is wrong")
        return secret

    def _count(self, name: str, source: str, now: datetime) -> None:
        """Count an attempt. Problem when there were too many; that they go on is told as well."""
        writer = self.access.collector.writer
        try:
            writer.submit(lambda db: guessing.count(db, name, source, now)).result()
        except Problem:
            writer.submit(lambda db: _note_attempt(db, "sign-in-slowed", name, source, now)).result()
            raise

    def _second_factor(self, db: Connection, attempt: Attempt, now: datetime) -> bool:
        """Tell whether the code is right, or none is needed, inside a transaction. Each code counts once."""
        factor = credentials.totp(db, attempt.name)
        if factor is None or not factor.confirmed:
            return True
        if self._take(db, attempt.name, factor, attempt.code, now):
            return True
        used = credentials.use_recovery_code(db, attempt.name, recovery_normal(attempt.code))
        if used:
            by = By(attempt.name, attempt.source_address)
            left = credentials.recovery_code_hashes(db, attempt.name)
            detail = f"{len(left)} are left; {digests.codes_shown(left)}"
            events.note(db, now, digests.CODE_USED, by, attempt.name, detail)
        return used

    def _take(self, db: Connection, name: str, factor: Totp, code: str, now: datetime) -> bool:
        digits = "".join(code.split())
        step = rfc_6238.matching_step(self._secret(name, factor), digits, now.timestamp(), after=factor.last_step)
        if step is None:
            return False
        credentials.set_totp(db, name, replace(factor, confirmed=True, last_step=step))
        return True

    def _secret(self, name: str, factor: Totp) -> bytes:
        return unseal(factor.sealed, self.access.collector.keys.challenge_secret, f"totp of {name}")

    def check_owner(self, visitor: Visitor, password: str, source_address: str) -> None:
        """Raise Problem unless a link was just used, or the password is right: others may sit at this screen."""
        now, name = self.access.collector.clock(), visitor.user.name
        if visitor.session.method == "link" and now - visitor.session.started_at < FRESH:
            return
        self.access.collector.writer.submit(lambda db: guessing.count(db, name, source_address, now)).result()
        stored = credentials.password_hash(self.access.collector.readers(), name)
        if not self.access.collector.passwords.matches(stored, password):
            raise Problem("not-yourself", "the present password is wrong or missing")
        self.access.collector.writer.submit(lambda db: guessing.forget(db, name, source_address)).result()

    def set_password(self, visitor: Visitor, new: str, source_address: str) -> None:
        """Set the visitor's password and end their other sessions. SetupError says what is wrong with it."""
        now, name = self.access.collector.clock(), visitor.user.name
        passwords.check(new, name)
        stored = self.access.collector.passwords.hashed(new)

        def change(db: Connection) -> None:
            before = credentials.password_hash(db, name) is not None
            credentials.set_password(db, name, stored, now)
            ended = sessions.end_others(db, name, visitor.session.id)
            said = f"{'changed' if before else 'the first one'}; {ended} other sessions ended"
            detail = f"{said}; {digests.password_shown(stored)}"
            events.note(db, now, digests.PASSWORD_SET, By(name, source_address), name, detail)

        self.access.collector.writer.submit(change).result()

    def propose_second_factor(self, visitor: Visitor) -> bytes:
        """Store a new secret that does not count before a code of it has come, and return it."""
        secret, name = secrets.token_bytes(SECRET_BYTES), visitor.user.name
        sealed = seal(secret, self.access.collector.keys.challenge_secret, f"totp of {name}")

        def propose(db: Connection) -> None:
            factor = credentials.totp(db, name)
            if factor is not None and factor.confirmed:
                raise SetupError("a second factor is switched on already", "Switch it off first.")
            credentials.set_totp(db, name, Totp(sealed, confirmed=False, last_step=-1))

        self.access.collector.writer.submit(propose).result()
        return secret

    def proposed(self, visitor: Visitor) -> bytes | None:
        """Return the secret that waits for its first code, or None."""
        factor = credentials.totp(self.access.collector.readers(), visitor.user.name)
        return None if factor is None or factor.confirmed else self._secret(visitor.user.name, factor)

    def confirm_second_factor(self, visitor: Visitor, code: str, source_address: str) -> list[str]:
        """Switch the second factor on and return recovery codes, shown once. SetupError when the code is wrong."""
        now, name = self.access.collector.clock(), visitor.user.name
        codes = [rfc_6238.base32(secrets.token_bytes(RECOVERY_BYTES)).lower() for _ in range(RECOVERY_CODES)]

        def confirm(db: Connection) -> None:
            factor = credentials.totp(db, name)
            if factor is None or factor.confirmed or not self._take(db, name, factor, code, now):
                raise SetupError(
                    "this is not the code of now", "Look at the clock of the telephone, and type the next."
                )
            credentials.set_recovery_codes(db, name, codes)
            left = credentials.recovery_code_hashes(db, name)
            detail = f"{digests.shown(factor.sealed)}; of the recovery codes: {digests.codes_shown(left)}"
            by = By(name, source_address)
            events.note(db, now, digests.FACTOR_ON, by, name, detail, before="off", after="on")

        self.access.collector.writer.submit(confirm).result()
        return codes

    def remove_second_factor(self, visitor: Visitor, source_address: str) -> None:
        """Switch the second factor off."""
        now, name = self.access.collector.clock(), visitor.user.name

        def remove(db: Connection) -> None:
            if credentials.totp(db, name) is not None:
                credentials.set_totp(db, name, None)
                by = By(name, source_address)
                events.note(db, now, digests.FACTOR_OFF, by, name, before="on", after="off")

        self.access.collector.writer.submit(remove).result()

    def end_session(self, visitor: Visitor, session_id: str, source_address: str) -> None:
        """End one of the visitor's sessions; an empty id ends all but this one."""
        now, name, kept = self.access.collector.clock(), visitor.user.name, visitor.session.id
        by = By(name, source_address)
        self.access.collector.writer.submit(
            lambda db: user_changes.end_sessions(db, name, session_id, kept=kept, by=by, now=now)
        ).result()


def _note_attempt(db: Connection, kind: str, name: str, source: str, now: datetime) -> None:
    """Note an attempt to sign in, inside a transaction; a name that nobody has may be a password, and is not kept."""
    about = name if users.find(db, name) is not None else "an unknown name"
    events.add(db, Event(now, kind, True, about, source, about, "", None, None))


def recovery_normal(code: str) -> str:
    """Return a recovery code as it was made, however it was typed."""
    return "".join(one for one in code.lower() if one.isalnum())
