"""Who is at the other end of the connection: the proxy, not the client that it speaks for."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final, cast

from litestar.types import Scope

_PEER: Final = "asyncevents.peer"


def remember_peer(scope: Scope) -> None:
    """Note who is at the other end, before a middleware says that it is somebody else."""
    cast(MutableMapping[str, Any], scope)[_PEER] = _host(scope)


def peer_of(scope: Scope) -> str | None:
    """Return the address at the other end; where nobody noted it: whom the server calls client."""
    values = cast(MutableMapping[str, Any], scope)
    return cast(str | None, values[_PEER]) if _PEER in values else _host(scope)


def _host(scope: Scope) -> str | None:
    client = scope.get("client")
    return None if client is None else client[0]
