"""The protocol itself: versions, messages that are none, and who may come in."""

from __future__ import annotations

import httpx
import pytest

from tests.web.mcp.asking import Refused

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def test_it_is_off_by_default(serve):
    api = serve()
    token = api.token("all")
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{api.address}/mcp", json=PING, headers=headers, timeout=30)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")],
)
def test_the_handshake(agent, asked, granted):
    found = agent("view").ask("initialize", protocolVersion=asked, capabilities={}, clientInfo={})
    assert found["protocolVersion"] == granted
    assert found["serverInfo"]["name"] == "asyncevents"
    assert found["capabilities"] == {
        "tools": {},
        "events": {},
        "extensions": {"io.modelcontextprotocol/events": {}},
    }
    assert agent("view").ask("ping") == {}


def test_without_a_handshake(agent):
    one = agent("view", mcp_protocol_version="2026-07-28", mcp_method="server/discover")
    found = one.ask("server/discover")
    assert "2026-07-28" in found["supportedVersions"]
    assert found["capabilities"]["events"] == {}
    assert (found["resultType"], found["cacheScope"]) == ("complete", "private")
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "asyncevents"


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"mcp_protocol_version": "2099-01-01"}, -32022, 200),
        ({"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/list"}, -32020, 400),
    ],
)
def test_headers_that_do_not_fit(agent, headers, code, status):
    answer = agent("view").post(PING, **headers)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code == status


def test_a_method_that_there_is_not(agent):
    with pytest.raises(Refused) as caught:
        agent("view").ask("resources/list")
    assert caught.value.code == -32601
    answer = agent("view").post({**PING, "method": "no"}, mcp_protocol_version="2026-07-28")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ([PING], -32600),
        ("ping", -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        ({**PING, "id": None}, -32600),
        ({**PING, "id": True}, -32600),
        ({**PING, "params": [1]}, -32602),
    ],
)
def test_what_is_no_message(agent, message, code):
    assert agent("view").post(message).json()["error"]["code"] == code


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/of the future", "params": {}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ],
)
def test_what_wants_no_answer(agent, message):
    answer = agent("view").post(message)
    assert (answer.status_code, answer.content) == (202, b"")


def test_what_is_no_json(agent, api):
    client = api.client("view")
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"{api.address}/mcp", content=b"{", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_there_are_no_streams(api):
    answer = api.client("all").get(f"{api.address}/mcp")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


def test_who_has_no_token(api):
    answer = api.client().post(f"{api.address}/mcp", json=PING)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_pages_of_others_may_not_ask(serve, agent):
    answer = agent("view").post(PING, origin="https://elsewhere.example")
    assert answer.status_code == 403
    assert "WEB_CORS_ORIGINS" in answer.json()["detail"]


def test_pages_that_are_allowed_may(serve):
    api = serve(WEB_MCP=True, WEB_CORS_ORIGINS=["https://ours.example"])
    headers = {"Origin": "https://ours.example"}
    answer = api.client("view").post(f"{api.address}/mcp", json=PING, headers=headers)
    assert answer.json()["result"] == {}
