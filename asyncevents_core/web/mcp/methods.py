"""The methods of the protocol, and which part answers them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.events import has_events, list_events, subscribe, unsubscribe
from asyncevents_core.web.mcp.rpc import Call, RpcError
from asyncevents_core.web.mcp.tools import call_tool, list_tools

_ABOUT: Final = (
    "asyncevents delivers the events of an application to subscribers, and keeps what became of "
    "each delivery. To find out why something did not arrive, call why_not_delivered with a value "
    "of its payload, such as the number of an order. replay sends again: ask your user first."
)
_CACHED: Final = frozenset({names.DISCOVER, names.TOOLS_LIST})
"""Methods whose results say how long they may be kept."""


async def answered(call: Call, door: Door, *, stateless: bool) -> Mapping[str, Any]:
    """Return the result of a call. `stateless`: in the form of those versions.

    Raises `RpcError`, and what the parts of the application raise.
    """
    result = await _result(call, door)
    if not stateless:
        return result
    kept = {"ttlMs": 0, "cacheScope": "private"} if call.method in _CACHED else {}
    return {"resultType": "complete", "_meta": {names.SERVER_INFO: _server()}, **kept, **result}


async def _result(call: Call, door: Door) -> Mapping[str, Any]:
    match call.method:
        case names.INITIALIZE:
            asked = call.params.get("protocolVersion")
            known = asked in names.HANDSHAKE_VERSIONS
            return {
                "protocolVersion": asked if known else names.HANDSHAKE_VERSIONS[-1],
                "capabilities": _capabilities(door),
                "serverInfo": _server(),
                "instructions": _ABOUT,
            }
        case names.DISCOVER:
            return {
                "supportedVersions": list(names.VERSIONS),
                "capabilities": _capabilities(door),
                "instructions": _ABOUT,
            }
        case names.PING:
            return {}
        case names.TOOLS_LIST:
            return list_tools(door)
        case names.TOOLS_CALL:
            return await call_tool(call.params, door)
    if has_events(door):
        match call.method:
            case names.EVENTS_LIST:
                return list_events(door)
            case names.EVENTS_SUBSCRIBE:
                return await subscribe(call.params, door)
            case names.EVENTS_UNSUBSCRIBE:
                return await unsubscribe(call.params, door)
    raise RpcError(names.METHOD_NOT_FOUND, f"there is no method {call.method[:100]!r}")


def _capabilities(door: Door) -> dict[str, Any]:
    found: dict[str, Any] = {"tools": {}}
    if has_events(door):
        found |= {names.EVENTS: {}, "extensions": {names.EVENTS_EXTENSION: {}}}
    return found


def _server() -> dict[str, str]:
    return {
        "name": "asyncevents",
        "title": "asyncevents",
        "version": version("asyncevents-core"),
    }
