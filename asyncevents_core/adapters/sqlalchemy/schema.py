"""The tables. Times are microseconds since 1970 (BIGINT); ids are UUIDs made by the client."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final, Self

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT
from sqlalchemy.types import BINARY

PREFIX: Final = "asyncevents_"
metadata = MetaData()
# PostgreSQL's indexes leave out what is over: a delivery enters and leaves them as often as it
# changes, and each entry costs. Plans that it keeps for any value of a parameter cannot use them,
# and seem so expensive to it that it keeps none.


class _Sixteen(BINARY):
    """A UUID in 16 bytes: half of a hexadecimal text."""

    cache_ok = True

    # Directly, not by a TypeDecorator, which makes four calls in Python of each of these.
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return what makes a parameter of a UUID."""
        return _to_bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what makes a UUID of a value that was read."""
        return _to_uuid

    def coerce_compared_value(self, op: Any, value: Any) -> Self:
        """Return the type of what is compared with one of these: it is one, too."""
        return self


def _to_bytes(value: uuid.UUID | None) -> bytes | None:
    return None if value is None else value.int.to_bytes(16)


def _to_uuid(value: Any) -> uuid.UUID | None:
    return None if value is None else uuid.UUID(bytes=bytes(value))


Identifier: Final = _Sixteen(16).with_variant(Uuid(), "postgresql")
"""A UUID: native on PostgreSQL, where no value needs any work, bytes elsewhere."""
Digest: Final = LargeBinary(32).with_variant(BINARY(32), "mysql", "mariadb")
"""A SHA-256 that is a key: MariaDB has none on a BLOB."""
_Blob = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
_Text = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
# SQLite counts up in INTEGER primary keys only.
_Serial = BigInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *parts: Any) -> Table:
    # Byte for byte: event names and tenants are case-sensitive on every database.
    return Table(
        PREFIX + name,
        metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )


meta = _table(
    "meta",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("subscription_epoch", BigInteger, nullable=False),
    Column("ledger_id", Identifier, nullable=True),
)

subscription = _table(
    "subscription",
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("event_name", String(2000), nullable=False),
    Column("sink", String(64), nullable=False),
    Column("target", String(2048), nullable=False),
    Column("secret", Text, nullable=True),
    Column("tenant", String(255), nullable=True),
    Column("maximum_deaths", Integer, nullable=True),
    Column("schedule", Text, nullable=True),
    Column("jitter", Float, nullable=False),
    Column("options", Text, nullable=True),
    Column("rate_limit", Float, nullable=True),
    Column("status", String(16), nullable=False),
    Column("holding", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("modified_at", BigInteger, nullable=True),
    Column("older_secrets", Text, nullable=True),
    Column("granted", Text, nullable=True),
    Column("filter", Text, nullable=True),
    Column("failure_policy", Text, nullable=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", BigInteger, nullable=True),
    Column("failing_error", String(500), nullable=True),
    Column("warned_at", BigInteger, nullable=True),
    Column("filtered", BigInteger, nullable=False, server_default="0"),
    Column("filter_failed", BigInteger, nullable=False, server_default="0"),
    Column("filter_error", String(500), nullable=True),
    Index(f"ix_{PREFIX}subscription_epoch", "epoch"),
    Index(f"ix_{PREFIX}subscription_failing", "failures", postgresql_where=text("failures > 0")),
)

rate = _table(
    "rate",
    Column("subscription_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tokens", Float, nullable=False),
    Column("filled_at", BigInteger, nullable=False),
)

event = _table(
    "event",
    Column("id", Identifier, primary_key=True),
    Column("external_id", String(255), nullable=True, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("tenant", String(255), nullable=True),
    Column("arguments", _Blob, nullable=True),
    Column("body", _Blob, nullable=True),
    Column("state", String(16), nullable=False),
    Column("reason", Text, key="error", nullable=True),
    Column("traceback", Text, nullable=True),
    Column("due_at", BigInteger, nullable=True),
    Column("claims", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("abandonments", Integer, nullable=False),
    Column("parked", String(255), nullable=False, server_default=""),
    Column("owner", Identifier, nullable=True),
    Column("occurred_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("trace_context", String(600), nullable=True),
    Index(
        f"ix_{PREFIX}event_due",
        "state",
        "parked",
        "due_at",
        postgresql_where=text("state <> 'fanned_out'"),
    ),
)

delivery = _table(
    "delivery",
    Column("id", Identifier, primary_key=True),
    Column("event_id", Identifier, nullable=False),
    Column("subscription_id", BigInteger, nullable=False),
    Column("replay_request", Identifier, nullable=False),
    Column("replay_of", Identifier, nullable=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(16), nullable=True),
    Column("claims", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("abandonments", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=True),
    Column("owner", Identifier, nullable=True),
    Column("parked", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("event_id", "subscription_id", "replay_request", name=f"uq_{PREFIX}delivery"),
    Index(
        f"ix_{PREFIX}delivery_due",
        "state",
        "parked",
        "due_at",
        postgresql_where=text("state <> 'delivered'"),
    ),
    Index(f"ix_{PREFIX}delivery_subscription", "subscription_id", "state", "due_at"),
    Index(
        f"ix_{PREFIX}delivery_replay", "replay_of", postgresql_where=text("replay_of IS NOT NULL")
    ),
)

ATTEMPTS_BY_START: Final = f"ix_{PREFIX}attempt_started"
"""An index: attempts in the order of the log."""

attempt = _table(
    "attempt",
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("delivery_id", Identifier, nullable=False),
    Column("claim_no", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("status", Integer, nullable=True),
    Column("response", _Text, nullable=False),
    Column("target", String(2048), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("duration", Float, nullable=False),
    UniqueConstraint("delivery_id", "claim_no", name=f"uq_{PREFIX}attempt"),
    Index(ATTEMPTS_BY_START, "started_at", "id"),
)

worker = _table(
    "worker",
    Column("id", Identifier, primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("roles", String(255), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("trouble", String(1000)),
)

index_queue = _table(
    "index_queue",
    Column("attempt_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

replay = _table(
    "replay",
    Column("id", Identifier, primary_key=True),
    Column("requested_by", String(255), nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
)

task = _table(
    "task",
    Column("name", String(64), primary_key=True),
    Column("due_at", BigInteger, nullable=False),
)

token = _table(
    "token",
    Column("id", Identifier, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("resources", Text, nullable=False),
    Column("tenant", String(255), nullable=True),
    Column("sinks", Text, nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("revoked_at", BigInteger, nullable=True),
    Column("used_at", BigInteger, nullable=True),
)

audit = _table(
    "audit",
    Column("id", Identifier, primary_key=True),
    Column("who", String(255), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("tenant", String(255), nullable=True),
    Column("details", _Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

once = _table(
    "once",
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("result", String(64), nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Index(f"ix_{PREFIX}once_created", "created_at"),
)

override = _table(
    "override",
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_by", String(255), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

neighbour = _table(
    "neighbour",
    Column("ledger_id", String(36), primary_key=True),
    Column("queue", String(255), primary_key=True),
    Column("source", String(255), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

replay_job = _table(
    "replay_job",
    Column("id", Identifier, primary_key=True),
    Column("requested_by", String(255), nullable=False),
    Column("tenant", String(255), nullable=True),
    Column("wanted", Text, nullable=False),
    Column("rate", Float, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("after", Identifier, nullable=True),
    Column("made", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("passed_over", BigInteger, nullable=False),
    Column("owner", Identifier, nullable=True),
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=True),
    Index(f"ix_{PREFIX}replay_job_due", "state", "due_at"),
)

user = _table(
    "user",
    Column("id", Identifier, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("folded_name", String(255), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    Column("resources", Text, nullable=False),
    Column("tenant", String(255), nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger, nullable=True),
    Column("password_changed_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger, nullable=True),
)

user_network = _table(
    "user_network",
    Column("user_id", Identifier, primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Index(f"ix_{PREFIX}user_network_seen", "seen_at"),
)

user_session = _table(
    "session",
    Column("id", Identifier, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("user_id", Identifier, nullable=True),
    Column("name", String(255), nullable=False),
    Column("source", String(16), nullable=False),
    Column("groups", Text, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(f"ix_{PREFIX}session_user", "user_id"),
    Index(f"ix_{PREFIX}session_seen", "seen_at"),
    Index(f"ix_{PREFIX}session_expires", "expires_at"),
)

sign_in_link = _table(
    "sign_in_link",
    Column("id", Identifier, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("user_id", Identifier, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(f"ix_{PREFIX}sign_in_link_user", "user_id"),
    Index(f"ix_{PREFIX}sign_in_link_expires", "expires_at"),
)

guesses = _table(
    "guesses",
    Column("key", Digest, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("wait_until", BigInteger, nullable=False),
    Column("last", Identifier, nullable=True),
    Column("seen_at", BigInteger, nullable=False),
    Index(f"ix_{PREFIX}guesses_seen", "seen_at"),
)
