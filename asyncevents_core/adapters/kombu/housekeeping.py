"""What kombu's SQL transport leaves behind: consumed messages (only hidden), and sessions."""

from __future__ import annotations

from typing import Any, Final

from kombu.connection import Connection

_BATCH: Final = 500


def delete_consumed(channel: Any) -> int:
    """Delete up to a batch of hidden rows; return how many. Other transports have none."""
    message = getattr(channel, "message_cls", None)
    if message is None:
        return 0
    session = channel.session
    try:
        hidden = session.query(message.id).filter(message.visible.is_(False)).limit(_BATCH)
        ids = [row.id for row in hidden]
        if ids:
            session.query(message).filter(message.id.in_(ids)).delete(synchronize_session=False)
        session.commit()
    except Exception:
        session.rollback()
        raise
    return len(ids)


def release(connection: Connection) -> None:
    """Close a connection and, on the SQL transport, the database sessions of its channels."""
    channels = list(getattr(connection.transport, "channels", None) or ())
    try:
        connection.release()
    finally:
        # Afterwards: closing a channel uses its session once more. The property `session`
        # would open one.
        for channel in channels:
            session = vars(channel).get("_session")
            if session is not None:
                session.close()
