"""Whom a reverse proxy vouches for, by a header of each request."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from litestar.connection import ASGIConnection

from asyncevents_core.settings.schema import Settings
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.peer import peer_of

Connection = ASGIConnection[Any, Any, Any, Any]


@frozen(kw_only=True)
class VouchedFor:
    """Whom the proxy names, with those of their groups that WEB_GROUPS knows, in order."""

    name: str
    groups: tuple[str, ...]


def vouched_for(connection: Connection, settings: Settings) -> VouchedFor | None:
    """Return whom the proxy names; None: nobody, or it is not the proxy who does.

    Raises a `Problem` (400) where a header comes twice: then the proxy lets through what clients
    send.
    """
    header = settings.web_proxy_user_header
    if header is None or not _is_from(peer_of(connection.scope), settings.web_proxy_addresses):
        return None
    name = _only(connection, header)
    if not name:
        return None
    groups: set[str] = set()
    if settings.web_proxy_groups_header is not None:
        sent = _only(connection, settings.web_proxy_groups_header) or ""
        groups = {one.strip() for one in sent.split(",")}
    return VouchedFor(name=name, groups=tuple(sorted(groups & settings.web_groups.keys())))


def _only(connection: Connection, header: str) -> str | None:
    found = connection.headers.getall(header, [])
    if len(found) > 1:
        raise Problem(
            400,
            f"the header {header} came {len(found)} times: the proxy has to remove those that "
            "clients send",
        )
    return found[0].strip() if found else None


def _is_from(peer: str | None, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(one) for one in networks)
