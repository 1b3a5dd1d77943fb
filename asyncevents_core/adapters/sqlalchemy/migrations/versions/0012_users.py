"""People sign in: users, their sessions and links, and what throttles guessing."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0012"
down_revision = "0011"
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
    """Make the tables."""
    identifier = sa.BINARY(16).with_variant(postgresql.UUID(), "postgresql")
    digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
    op.create_table(
        "asyncevents_user",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("folded_name", sa.String(255), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(255), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_user_network",
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "network"),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_session",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", identifier, nullable=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_sign_in_link",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        **_INNODB,
    )
    op.create_table(
        "asyncevents_guesses",
        sa.Column("key", digest, primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("wait_until", sa.BigInteger(), nullable=False),
        sa.Column("last", identifier, nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        **_INNODB,
    )
    for table, part, column in _INDEXES:
        op.create_index(f"ix_asyncevents_{table}_{part}", f"asyncevents_{table}", [column])


_INDEXES: Final = (
    ("user_network", "seen", "seen_at"),
    ("session", "user", "user_id"),
    ("session", "seen", "seen_at"),
    ("session", "expires", "expires_at"),
    ("sign_in_link", "user", "user_id"),
    ("sign_in_link", "expires", "expires_at"),
    ("guesses", "seen", "seen_at"),
)


def downgrade() -> None:
    """Drop them again."""
    for table in ("guesses", "sign_in_link", "session", "user_network", "user"):
        op.drop_table(f"asyncevents_{table}")
