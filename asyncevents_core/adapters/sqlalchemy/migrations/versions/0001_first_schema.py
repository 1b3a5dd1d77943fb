"""The first schema.

A migration never changes once released, so the types stand here again instead of being
imported from the schema.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0001"
down_revision = None
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


def _identifier() -> sa.types.TypeEngine[Any]:
    return sa.BINARY(16).with_variant(postgresql.UUID(), "postgresql")


def _serial() -> sa.types.TypeEngine[Any]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _blob() -> sa.types.TypeEngine[Any]:
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables, and the one row of `meta`."""
    op.create_table(
        "asyncevents_attempt",
        sa.Column("id", _serial(), autoincrement=True, nullable=False),
        sa.Column("delivery_id", _identifier(), nullable=False),
        sa.Column("claim_no", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("response", _text(), nullable=False),
        sa.Column("target", sa.String(length=2048), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery_id", "claim_no", name="uq_asyncevents_attempt"),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_delivery",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("event_id", _identifier(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", _identifier(), nullable=False),
        sa.Column("replay_of", _identifier(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("abandonments", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", _identifier(), nullable=True),
        sa.Column("parked", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", "subscription_id", "chain", name="uq_asyncevents_delivery"),
        **_INNODB,
    )
    op.create_index(
        "ix_asyncevents_delivery_due",
        "asyncevents_delivery",
        ["state", "parked", "due_at"],
        unique=False,
    )
    op.create_index(
        "ix_asyncevents_delivery_replay", "asyncevents_delivery", ["replay_of"], unique=False
    )
    op.create_index(
        "ix_asyncevents_delivery_subscription",
        "asyncevents_delivery",
        ["subscription_id", "state", "due_at"],
        unique=False,
    )
    op.create_table(
        "asyncevents_event",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=True),
        sa.Column("arguments", _blob(), nullable=True),
        sa.Column("body", _blob(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("abandonments", sa.Integer(), nullable=False),
        sa.Column("owner", _identifier(), nullable=True),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external_id"),
        **_INNODB,
    )
    op.create_index(
        "ix_asyncevents_event_due", "asyncevents_event", ["state", "due_at"], unique=False
    )
    op.create_table(
        "asyncevents_index_queue",
        sa.Column("attempt_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id"),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_meta",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subscription_epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_subscription",
        sa.Column("id", _serial(), autoincrement=True, nullable=False),
        sa.Column("event_name", sa.String(length=255), nullable=False),
        sa.Column("sink", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=2048), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("tenant", sa.String(length=255), nullable=True),
        sa.Column("maximum_deaths", sa.Integer(), nullable=True),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("jitter", sa.Float(), nullable=False),
        sa.Column("options", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("holding", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_INNODB,
    )
    op.create_index(
        "ix_asyncevents_subscription_epoch", "asyncevents_subscription", ["epoch"], unique=False
    )
    op.create_table(
        "asyncevents_worker",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("roles", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_INNODB,
    )
    op.execute("INSERT INTO asyncevents_meta (id, subscription_epoch) VALUES (1, 0)")
    _compress_bodies()


def _compress_bodies() -> None:
    """Let PostgreSQL compress bodies with lz4 where it is built in: faster than its default."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    methods = connection.execute(
        sa.text("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")
    ).scalar()
    if methods and "lz4" in methods:
        op.execute("ALTER TABLE asyncevents_event ALTER COLUMN body SET COMPRESSION lz4")
        op.execute("ALTER TABLE asyncevents_event ALTER COLUMN arguments SET COMPRESSION lz4")
