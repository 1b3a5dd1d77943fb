"""Who replayed what, tasks that one worker at a time runs, and rate limits."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INNODB: Final[dict[str, Any]] = {
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    """Add two tables and a column."""
    identifier = sa.BINARY(16).with_variant(postgresql.UUID(), "postgresql")
    op.create_table(
        "asyncevents_replay",
        sa.Column("id", identifier, nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_task",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **_INNODB,
    )
    op.add_column("asyncevents_subscription", sa.Column("rate_limit", sa.Float(), nullable=True))
