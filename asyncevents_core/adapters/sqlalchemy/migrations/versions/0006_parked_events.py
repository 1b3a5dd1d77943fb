"""Events can be parked, as deliveries can: they leave the index of due rows for a line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INDEX = "ix_asyncevents_event_due"
_TABLE = "asyncevents_event"


def upgrade() -> None:
    """Add the column, and put it into the index. No event is parked yet."""
    op.add_column(
        _TABLE, sa.Column("parked", sa.String(length=255), nullable=False, server_default="")
    )
    op.drop_index(_INDEX, _TABLE)
    op.create_index(_INDEX, _TABLE, ["state", "parked", "due_at"])


def downgrade() -> None:
    """Take both away; what was parked is due."""
    op.drop_index(_INDEX, _TABLE)
    op.create_index(_INDEX, _TABLE, ["state", "due_at"])
    op.drop_column(_TABLE, "parked")
