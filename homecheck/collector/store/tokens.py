"""API tokens: whose each is, what it may do and for how long. Of its secret only a hash is here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.standards.rfc_3339 import from_text, to_text


@dataclass(frozen=True)
class Token:
    """One token. It may at most what its owner may now, within `scopes`, and in `program` (empty: all of theirs)."""

    id: str
    secret_sha256: str
    owner: str
    label: str
    scopes: frozenset[str]
    program: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Tell whether the token is neither revoked nor too old."""
        return self.revoked_at is None and now < self.expires_at


def add(db: Connection, token: Token) -> None:
    """Store a new token."""
    db.execute(
        "INSERT INTO api_token (id, secret_sha256, account, label, scopes, program, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token.id, token.secret_sha256, token.owner, token.label, " ".join(sorted(token.scopes)), token.program,
            to_text(token.created_at), to_text(token.expires_at),
        ),
    )  # fmt: skip


def find(db: Connection, token_id: str) -> Token | None:
    """Return the token, or None."""
    row = one_or_none(db, "SELECT * FROM api_token WHERE id = ?", token_id)
    return None if row is None else _token(row)


def of_owner(db: Connection, owner: str = "") -> list[Token]:
    """Return the tokens of a user (empty: of everybody), the newest first."""
    sql = "SELECT * FROM api_token WHERE ? IN ('', account) ORDER BY created_at DESC, id"
    return [_token(row) for row in db.execute(sql, (owner,))]


def revoke(db: Connection, token_id: str, now: datetime) -> bool:
    """Let a token count no more; tell whether this changed anything."""
    sql = "UPDATE api_token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
    return db.execute(sql, (to_text(now), token_id)).rowcount > 0


def touch(db: Connection, token_id: str, now: datetime) -> None:
    """Note that a token was used."""
    db.execute("UPDATE api_token SET last_used_at = ? WHERE id = ?", (to_text(now), token_id))


def _token(row: Row) -> Token:
    return Token(
        row["id"],
        row["secret_sha256"],
        row["account"],
        row["label"],
        frozenset(row["scopes"].split()),
        row["program"],
        from_text(row["created_at"]),
        from_text(row["expires_at"]),
        None if row["last_used_at"] is None else from_text(row["last_used_at"]),
        None if row["revoked_at"] is None else from_text(row["revoked_at"]),
    )
