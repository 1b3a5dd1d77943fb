"""The ledger has an id, and knows whom it shares a broker with."""

from __future__ import annotations

import uuid
from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
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
    """Add the column and write an id into its one row; make the table."""
    identifier = sa.BINARY(16).with_variant(postgresql.UUID(), "postgresql")
    op.add_column("asyncevents_meta", sa.Column("ledger_id", identifier))
    made = uuid.uuid4()
    native = op.get_bind().dialect.name == "postgresql"
    meta = sa.table("asyncevents_meta", sa.column("ledger_id", identifier))
    op.execute(meta.update().values(ledger_id=made if native else made.bytes))
    op.create_table(
        "asyncevents_neighbour",
        sa.Column("ledger_id", sa.String(36), nullable=False),
        sa.Column("queue", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "queue"),
        **_INNODB,
    )


def downgrade() -> None:
    """Drop both again."""
    op.drop_table("asyncevents_neighbour")
    op.drop_column("asyncevents_meta", "ledger_id")
