"""Connections to the brokers of Celery applications, for one message at a time each."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from amqp.exceptions import MessageNacked
from attrs import define
from celery import Celery

logger = logging.getLogger("asyncevents.deliver")

AMQP: Final = "amqp"
_REDIS: Final = "redis"
_GOODBYE: Final = 1.0
"""Seconds that a broker gets to say goodbye; then the connection is cut off."""
_LEAST: Final = 0.001
"""Seconds: sockets take 0 for no waiting at all."""


class NotConnected(Exception):
    """No connection could be made; its cause says why."""


@define
class Link:
    """A connection to a broker, with publisher confirms where the broker speaks AMQP.

    Where it is used for one message after the other, the confirm that comes is that message's.
    """

    connection: Any
    producer: Any
    limit: float
    """Seconds that one step may take at most."""

    @property
    def speaks_amqp(self) -> bool:
        """Whether the broker confirms what it has, and tells of what no queue takes."""
        return bool(self.connection.transport.driver_type == AMQP)

    def bound(self, seconds: float) -> None:
        """Let what is read and written next take so many seconds at most."""
        if self.speaks_amqp:
            self.connection.connection.transport.sock.settimeout(seconds)

    def is_alive(self) -> bool:
        """Tell whether the broker has not closed it meanwhile."""
        if not self.connection.connected:
            return False
        if not self.speaks_amqp:
            return True
        try:
            # Whatever it has said by now; it does not wait.
            self.connection.drain_events(timeout=0)
        except TimeoutError:
            return True
        except Exception as error:
            logger.debug("a connection was closed", extra={"error": str(error)})
            return False
        return bool(self.connection.connected)

    def close(self) -> None:
        """Say goodbye, within a second; whatever becomes of it, the connection is closed."""
        with contextlib.suppress(Exception):
            self.bound(_GOODBYE)
            self.connection.release()
        self.cut()

    def cut(self) -> None:
        """Close it without a word."""
        with contextlib.suppress(Exception):
            self.connection.collect(socket_timeout=_GOODBYE)


class Links:
    """The unused connections of one sink, by application. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unused: dict[Celery, list[Link]] = {}
        self._closed = False

    @contextmanager
    def using(self, app: Celery, until: float) -> Iterator[Link]:
        """Have a connection of one's own, to be made by a time of the monotonic clock.

        After an error it is not used again: a confirm that comes late would be taken for the next
        message's. Raises `NotConnected`.
        """
        limit = max(_LEAST, until - time.monotonic())
        link = self._taken(app, limit) or _connected(app, limit)
        try:
            link.bound(max(_LEAST, until - time.monotonic()))
            yield link
        except MessageNacked:
            # That was the answer to the message; the connection is as good as before.
            self._give_back(app, link)
            raise
        except BaseException:
            link.cut()
            raise
        self._give_back(app, link)

    def close(self) -> None:
        """Close them, and those in use when they are given back."""
        with self._lock:
            self._closed = True
            unused = [link for links in self._unused.values() for link in links]
            self._unused.clear()
        for link in unused:
            link.close()

    def _taken(self, app: Celery, limit: float) -> Link | None:
        """Return the connection that was used last, so that superfluous ones are found closed."""
        while True:
            with self._lock:
                links = self._unused.get(app)
                link = links.pop() if links else None
            # One that waits longer than the attempt may take is of no use to it.
            if link is None or (link.limit <= limit + 1 and link.is_alive()):
                return link
            link.cut()

    def _give_back(self, app: Celery, link: Link) -> None:
        with self._lock:
            if not self._closed:
                self._unused.setdefault(app, []).append(link)
                return
        link.close()


def _connected(app: Celery, limit: float) -> Link:
    connection: Any = app.connection_for_write()
    options = connection.transport_options
    # Each of several brokers once, and no sleeping in between: the engine schedules retries.
    hosts = max(1, len(connection.alt))
    options["max_retries"] = hosts - 1
    connection.connect_timeout = limit / hosts
    kind = connection.get_transport_cls().driver_type
    if kind == AMQP:
        # By transport options, which are passed on to the client.
        options.update(confirm_publish=True, read_timeout=limit, write_timeout=limit)
    elif kind == _REDIS:
        for name in ("socket_timeout", "socket_connect_timeout"):
            options[name] = min(limit, options.get(name) or limit)
    link = Link(connection, app.amqp.Producer(connection, auto_declare=False), limit)
    try:
        # It connects.
        connection.default_channel  # noqa: B018
    except Exception as error:
        link.cut()
        raise NotConnected(str(error)) from error
    return link
