"""The tools: which there are, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from litestar.serialization import encode_json
from msgspec import Raw

from asyncevents_core.web.api.problems import Problem, problem_of
from asyncevents_core.web.api.strict_body import read_object
from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.log_tools import DeadLetters, SearchLog, TraceTool
from asyncevents_core.web.mcp.other_tools import ListEvents, ReplayTool
from asyncevents_core.web.mcp.rpc import RpcError
from asyncevents_core.web.mcp.tool import Tool
from asyncevents_core.web.mcp.why import WhyNotDelivered

TOOLS: Final[Sequence[Tool[Any]]] = (
    WhyNotDelivered(),
    SearchLog(),
    TraceTool(),
    DeadLetters(),
    ListEvents(),
    ReplayTool(),
)


def list_tools(door: Door) -> dict[str, Any]:
    """Return the tools for which somebody has the resources."""
    return {
        "tools": [one.described() for one in TOOLS if door.actor.may_all(one.resources)],
    }


async def call_tool(params: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """Call a tool. What it cannot do is a result too, so that the agent reads why.

    Raises `RpcError` for a tool that there is not, and a `Problem` for what is wrong here.
    """
    name = params.get("name")
    found = next((one for one in TOOLS if one.name == name), None)
    if found is None:
        raise RpcError(names.INVALID_PARAMS, f"there is no tool {str(name)[:100]!r}")
    try:
        door.actor.require(found.resources, to=f"call {found.name}")
        arguments = read_object(found.arguments, params.get("arguments") or {}, "arguments")
        answer = encode_json(await found.answer(arguments, door))
    except Exception as error:
        refusal = error if isinstance(error, Problem) else problem_of(error, {})
        if refusal is None or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return {"content": [{"type": "text", "text": refusal.detail}], "isError": True}
    return {
        "content": [{"type": "text", "text": answer.decode()}],
        "structuredContent": Raw(answer),
        "isError": False,
    }
