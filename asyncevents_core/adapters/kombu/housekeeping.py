"""kombu's SQL transport hides consumed messages and keeps them for ever: delete them."""

from __future__ import annotations

from typing import Any, Final

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
