"""Addresses of databases and brokers: shown without passwords, in whatever form they are written.

The one place that does so. What cannot be told apart is hidden: rather too much than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HIDDEN: Final = "***"
_SCHEME: Final = "://"
# kombu's form for several brokers; a password may hold a semicolon, too.
_NEXT: Final = re.compile(r";(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_SECRET: Final = re.compile(
    r"(?i)([?&;][^=&]*(?:pass(?!file)|pwd|secret|token|credential|signature|api_?key|access_?key"
    r"|odbc_connect)[^=&]*=)[^&]*"
)
_SQL: Final = re.compile(r"(?:sqla|sqlalchemy)\+")


def masked(url: str) -> str:
    """Return an address without its passwords: in front of the host, and in the query.

    >>> masked("amqp://a//;amqp://anna:s3cret@b//")
    'amqp://a//;amqp://anna:***@b//'
    >>> masked("postgresql://db/shop?user=anna&password=s3cret")
    'postgresql://db/shop?user=anna&password=***'

    Characters that should have been escaped (``/ ? # @ ;``) do not mislead it: up to the last @
    everything but the user is a password. What is no address is "…".
    """
    return ";".join(_masked(one) for one in _NEXT.split(url))


def _masked(url: str) -> str:
    scheme, found, rest = url.partition(_SCHEME)
    if not found or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return "…"
    credentials, at, place = rest.rpartition("@")
    if not at:
        return f"{scheme}{_SCHEME}{_without_secrets(place)}"
    if _SECRET.search(credentials):
        # The @ is within a password of the query, and so is what follows it.
        return f"{scheme}{_SCHEME}…"
    user, colon, _ = credentials.partition(":")
    hidden = f":{_HIDDEN}" if colon else ""
    return f"{scheme}{_SCHEME}{user}{hidden}@{_without_secrets(place)}"


def _without_secrets(text: str) -> str:
    return _SECRET.sub(rf"\1{_HIDDEN}", text)


def address_mistakes(url: str) -> Iterator[str]:
    """Say what is wrong with the way an address is written, without showing anything of it.

    Libraries would read a password that is not escaped as a host or a port, and say so in their
    errors: with the password. SQLAlchemy's addresses need no escapes but for the @.
    """
    for one in _NEXT.split(url):
        scheme, found, rest = one.partition(_SCHEME)
        if not found or not scheme:
            yield "is not a URL: it has no scheme, such as postgresql:// or amqp://"
        elif "sqlite" in scheme:
            continue
        elif _SQL.match(scheme) or scheme.partition("+")[0] in _DATABASES:
            authority = rest.partition("@")[2].partition("/")[0] if "@" in rest else ""
            if "@" in authority.partition("?")[0]:
                yield "has an @ in its password: write it as %40"
        else:
            yield from _mistakes_of_authority(rest)


_DATABASES: Final = frozenset(
    {"cockroachdb", "mariadb", "mssql", "mysql", "oracle", "postgres", "postgresql"}
)


def _mistakes_of_authority(rest: str) -> Iterator[str]:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in rest and "@" not in authority:
        yield (
            "has a character in its user, password or query that has to be escaped: / as %2F, # as "
            "%23, ? as %3F, @ as %40, : as %3A (Python: urllib.parse.quote(text, safe=''))"
        )
        return
    if authority.count("@") > 1:
        yield "has an @ in its user or password: write it as %40"
        return
    for host in authority.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not (port.isascii() and port.isdigit() and int(port) < 65_536):
            yield "has a port that is no number below 65536, or a / or # that has to be escaped"
            return
