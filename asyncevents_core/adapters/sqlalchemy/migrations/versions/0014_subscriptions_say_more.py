"""Subscriptions to patterns of events, with several secrets, a filter, and a count of failures.

And rates that hold over all workers.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
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
_TABLE = "asyncevents_subscription"
_INDEX = "ix_asyncevents_subscription_failing"
_TEXTS = ("older_secrets", "granted", "filter", "failure_policy")
_FAILURES = ("failures", "failing_since", "failing_error", "warned_at")
_COUNTS = ("filtered", "filter_failed", "filter_error")


def upgrade() -> None:
    """Add the columns, and make room for lists of events."""
    for name in _TEXTS:
        op.add_column(_TABLE, sa.Column(name, sa.Text(), nullable=True))
    op.add_column(_TABLE, sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(_TABLE, sa.Column("failing_since", sa.BigInteger(), nullable=True))
    op.add_column(_TABLE, sa.Column("failing_error", sa.String(500), nullable=True))
    op.add_column(_TABLE, sa.Column("warned_at", sa.BigInteger(), nullable=True))
    op.add_column(
        _TABLE, sa.Column("filtered", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        _TABLE, sa.Column("filter_failed", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(_TABLE, sa.Column("filter_error", sa.String(500), nullable=True))
    op.create_index(_INDEX, _TABLE, ["failures"], postgresql_where=sa.text("failures > 0"))
    _resize(old=255, new=2000)
    op.create_table(
        "asyncevents_rate",
        sa.Column("subscription_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", sa.BigInteger(), nullable=False),
        **_INNODB,
    )


def downgrade() -> None:
    """Drop them again. Fails where an event's pattern is longer than a name was."""
    op.drop_table("asyncevents_rate")
    _resize(old=2000, new=255)
    op.drop_index(_INDEX, _TABLE)
    for name in (*reversed(_COUNTS), *reversed(_FAILURES), *reversed(_TEXTS)):
        op.drop_column(_TABLE, name)


def _resize(*, old: int, new: int) -> None:
    # SQLite has no lengths, and cannot change a column.
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            _TABLE,
            "event_name",
            existing_type=sa.String(old),
            type_=sa.String(new),
            existing_nullable=False,
        )
