"""Subscriptions say when they were changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of changes until now nobody knows."""
    op.add_column("asyncevents_subscription", sa.Column("modified_at", sa.BigInteger))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("asyncevents_subscription", "modified_at")
