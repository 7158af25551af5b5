"""PostgreSQL: the pages of the log keep room for what its entries become when their salts are destroyed.

PostgreSQL changes a row by writing it anew. Where its page has room for that, no index changes and half as much is
written (docs/decisions/0154). The table is written anew both ways, some seconds for a million entries.
"""

from __future__ import annotations

from typing import Final

from alembic import op

from homecheck.collector.store.migrations import before, run

revision: Final = "0020"
down_revision: Final = before(revision)

# An entry takes 116 of 8,192 bytes, and 84 without its salt: 40 of each fill a page, the first of them 57 % of it.
_KEEP_ROOM: Final = "ALTER TABLE log_entry SET (fillfactor = 57);"
_FILL: Final = "ALTER TABLE log_entry RESET (fillfactor);"
_WRITE_ANEW: Final = """
CLUSTER log_entry USING log_entry_pkey;
ALTER TABLE log_entry SET WITHOUT CLUSTER;
"""


def upgrade() -> None:
    """Keep room on every page."""
    _in_postgres(_KEEP_ROOM + _WRITE_ANEW)


def downgrade() -> None:
    """Fill every page."""
    _in_postgres(_FILL + _WRITE_ANEW)


def _in_postgres(change: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        run(change)
