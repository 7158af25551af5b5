"""Envelopes are compressed; each comes back byte for byte (`packing`). Receipts and results stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from homecheck.collector.store.migrations import before
from homecheck.collector.store.packing import packed, unpacked

revision: Final = "0011"
down_revision: Final = before(revision)

_AT_ONCE: Final = 1_000  # envelopes in memory


def upgrade() -> None:
    """Compress what is there."""
    _rewrite(packed)


def downgrade() -> None:
    """Write out what was compressed, for a version that reads envelopes as they came."""
    _rewrite(unpacked)


def _rewrite(change: Callable[[bytes], bytes]) -> None:
    from alembic import op
    from sqlalchemy import text

    db = op.get_bind()
    some = text("SELECT position, envelope FROM evidence WHERE position > :last ORDER BY position LIMIT :most")
    update = text("UPDATE evidence SET envelope = :envelope WHERE position = :position")
    last = -1
    while rows := db.execute(some, {"last": last, "most": _AT_ONCE}).fetchall():
        db.execute(update, [{"position": row.position, "envelope": change(bytes(row.envelope))} for row in rows])
        last = rows[-1].position
