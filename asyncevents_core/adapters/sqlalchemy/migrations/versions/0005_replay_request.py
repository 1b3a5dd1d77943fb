"""The column `chain` of deliveries becomes `replay_request`, as everything else calls it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The same on SQLite, PostgreSQL, MariaDB (10.5) and MySQL (8), where Alembic would write a table
# anew or repeat the column's type; the unique constraint follows. No row is touched.
_RENAME = "ALTER TABLE asyncevents_delivery RENAME COLUMN {} TO {}"


def upgrade() -> None:
    """Rename it; that takes no time."""
    op.execute(_RENAME.format("chain", "replay_request"))


def downgrade() -> None:
    """Name it as before."""
    op.execute(_RENAME.format("replay_request", "chain"))
