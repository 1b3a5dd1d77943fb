"""The HTTP client's session: few enough connections for the files that a process may open."""

from __future__ import annotations

import ssl
import weakref
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection

_MANY: Final = 8192
_NAMES_KEPT: Final = 10


def new_session(resolver: AbstractResolver, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a session without cookies and headers of its own. Called on the running loop.

    Of the files that the process may open, half are for requests under way, and a quarter for
    connections that are kept; the rest is for databases, brokers and the like.
    """
    files = open_files()
    connector = aiohttp.TCPConnector(
        limit=max(1, files // 2),
        resolver=resolver,
        ttl_dns_cache=_NAMES_KEPT,
        ssl=tls,
    )
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=True,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        response_class=_answers(most_kept=max(1, files // 4)),
    )


def open_files() -> int:
    """Return how many files this process may open at once."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return _MANY
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft


def _answers(*, most_kept: int) -> type[aiohttp.ClientResponse]:
    """Return the class of responses: beyond `most_kept` connections, theirs are not kept.

    aiohttp bounds the connections in use, not those that wait for the next request.
    """
    alive = weakref.WeakSet[object]()

    class Answer(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> Self:
            protocol = connection.protocol
            if protocol is not None:
                alive.add(protocol)
                if len(alive) > most_kept:
                    protocol.force_close()
            await super().start(connection)
            # The transport would encode it, and a phrase that is not UTF-8 cannot be encoded.
            self.reason = None
            return self

    return Answer
