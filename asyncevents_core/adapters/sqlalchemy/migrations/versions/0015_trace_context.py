"""Events know where they belong in their application's trace.

Versions that know 0014 work with it: a column that they do not write stays empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_from_0014"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLE = "asyncevents_event"


def upgrade() -> None:
    """Add the column: no row is written anew."""
    op.add_column(_TABLE, sa.Column("trace_context", sa.String(600), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column(_TABLE, "trace_context")
