"""What Alembic runs: the revisions, in the transaction and under the lock of `migrations.move`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
