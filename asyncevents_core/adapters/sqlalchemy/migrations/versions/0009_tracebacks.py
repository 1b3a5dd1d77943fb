"""Events keep the traceback of their service's last failure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing is written into rows that are there."""
    op.add_column("asyncevents_event", sa.Column("traceback", sa.Text))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("asyncevents_event", "traceback")
