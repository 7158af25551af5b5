"""What people sign in with besides a link: passwords, second factors, recovery codes; and the wrong guesses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from homecheck.collector.store.database import Connection, one_or_none
from homecheck.collector.store.people import secret_hash
from homecheck.standards.rfc_3339 import from_text, to_text


@dataclass(frozen=True)
class Totp:
    """The second factor of an account: the secret, sealed, and the step of the last code that was taken."""

    sealed: bytes
    confirmed: bool
    last_step: int


def password_hash(db: Connection, account: str) -> str | None:
    """Return the hash of the account's password, or None."""
    row = one_or_none(db, "SELECT hash FROM user_password WHERE account = ?", account)
    return None if row is None else row["hash"]


def with_password(db: Connection) -> dict[str, bool]:
    """Return the accounts that have a password, and whether each has a second factor as well."""
    rows = db.execute(
        "SELECT user_password.account, COALESCE(confirmed, 0) AS second FROM user_password"
        " LEFT JOIN user_totp ON user_totp.account = user_password.account"
    )
    return {row["account"]: bool(row["second"]) for row in rows}


def set_password(db: Connection, account: str, password_hash: str, now: datetime) -> None:
    """Give the account a password in the place of the one that it had."""
    db.execute(
        "INSERT INTO user_password (account, hash, set_at) VALUES (?, ?, ?)"
        " ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, set_at = excluded.set_at",
        (account, password_hash, to_text(now)),
    )


def totp(db: Connection, account: str) -> Totp | None:
    """Return the account's second factor, or None."""
    row = one_or_none(db, "SELECT sealed, confirmed, last_step FROM user_totp WHERE account = ?", account)
    return None if row is None else Totp(bytes(row["sealed"]), bool(row["confirmed"]), row["last_step"])


def set_totp(db: Connection, account: str, one: Totp | None) -> None:
    """Give the account a second factor, or (None) take it away with its recovery codes."""
    db.execute("DELETE FROM user_totp WHERE account = ?", (account,))
    if one is None:
        db.execute("DELETE FROM recovery_code WHERE account = ?", (account,))
        return
    db.execute(
        "INSERT INTO user_totp (account, sealed, confirmed, last_step) VALUES (?, ?, ?, ?)",
        (account, one.sealed, int(one.confirmed), one.last_step),
    )


def set_recovery_codes(db: Connection, account: str, codes: Iterable[str]) -> None:
    """Give the account new recovery codes; the older ones count no more."""
    db.execute("DELETE FROM recovery_code WHERE account = ?", (account,))
    for code in codes:
        db.execute("INSERT INTO recovery_code (code_sha256, account) VALUES (?, ?)", (secret_hash(code), account))


def use_recovery_code(db: Connection, account: str, code: str) -> bool:
    """Use a recovery code up; tell whether it was one of this account."""
    sql = "DELETE FROM recovery_code WHERE code_sha256 = ? AND account = ?"
    return db.execute(sql, (secret_hash(code), account)).rowcount > 0


def recovery_codes_left(db: Connection, account: str) -> int:
    """Return how many recovery codes the account has."""
    row = one_or_none(db, "SELECT COUNT(*) AS number FROM recovery_code WHERE account = ?", account)
    return int(row["number"]) if row else 0


def recovery_code_hashes(db: Connection, account: str) -> list[str]:
    """Return what is stored of the recovery codes that are left, for the digest in an event."""
    rows = db.execute("SELECT code_sha256 FROM recovery_code WHERE account = ? ORDER BY code_sha256", (account,))
    return [row["code_sha256"] for row in rows]


def forget(db: Connection, account: str) -> None:
    """Take password, second factor and recovery codes away."""
    db.execute("DELETE FROM user_password WHERE account = ?", (account,))
    set_totp(db, account, None)


def add_wrong_guess(db: Connection, account: str, source_address: str, now: datetime, forget: datetime) -> None:
    """Note a wrong password or code, and drop what is older than `forget`."""
    db.execute("DELETE FROM wrong_guess WHERE at < ?", (to_text(forget),))
    sql = "INSERT INTO wrong_guess (account, source_address, at) VALUES (?, ?, ?)"
    db.execute(sql, (account, source_address, to_text(now)))


def forget_guesses(db: Connection, account: str, source_address: str) -> None:
    """Forget the wrong guesses for an account from an address: its owner has come."""
    db.execute("DELETE FROM wrong_guess WHERE account = ? AND source_address = ?", (account, source_address))


def guesses_for(db: Connection, account: str, since: datetime) -> list[tuple[str, datetime]]:
    """Return address and time of the wrong guesses for an account, the oldest first."""
    sql = "SELECT source_address, at FROM wrong_guess WHERE account = ? AND at > ? ORDER BY at"
    return [(row["source_address"], from_text(row["at"])) for row in db.execute(sql, (account, to_text(since)))]


def guesses_from(db: Connection, source_address: str, since: datetime) -> list[datetime]:
    """Return the times of the wrong guesses from an address, the oldest first."""
    sql = "SELECT at FROM wrong_guess WHERE source_address = ? AND at > ? ORDER BY at"
    return [from_text(row["at"]) for row in db.execute(sql, (source_address, to_text(since)))]
