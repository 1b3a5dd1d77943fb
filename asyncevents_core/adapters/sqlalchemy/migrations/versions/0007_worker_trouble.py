"""Workers say what is wrong with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a table of workers is small."""
    op.add_column("asyncevents_worker", sa.Column("trouble", sa.String(1000)))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("asyncevents_worker", "trouble")
