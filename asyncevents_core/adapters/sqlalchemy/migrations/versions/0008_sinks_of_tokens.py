"""Tokens are bound to sinks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL bounds nothing, as before."""
    op.add_column("asyncevents_token", sa.Column("sinks", sa.Text))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("asyncevents_token", "sinks")
