"""The official client for Python, in both of the ways in which it begins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asyncevents_core.domain.delivery import DeliveryState

mcp = pytest.importorskip("mcp", reason="`make install` installs it")


async def asked(address: str, token: str, mode: str, delivery: str) -> dict[str, Any]:
    import httpx2
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(address, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = await client.list_tools()
            traced = await client.call_tool("trace", {"id": delivery})
            refused = await client.call_tool("trace", {"id": "nothing"})
            return {
                "version": client.protocol_version,
                "server": client.server_info.name,
                "tools": {one.name for one in tools.tools},
                "traced": traced,
                "refused": refused,
            }


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_official_client(api, mode, version):
    delivery = api.deliver(api.subscribe(), state=DeliveryState.DEAD)
    found = asyncio.run(asked(f"{api.address}/mcp", api.token("logs"), mode, str(delivery)))
    assert (found["version"], found["server"]) == (version, "asyncevents")
    assert found["tools"] == {
        "why_not_delivered",
        "search_log",
        "trace",
        "dead_letters",
        "replay",
    }
    (trace,) = found["traced"].structured_content["items"]
    assert (trace["uuid"], trace["delivery_state"]) == (str(delivery), "dead")
    assert found["refused"].is_error
    assert "neither a UUID" in found["refused"].content[0].text
