"""A client that speaks JSON-RPC as it stands in the specification."""

from __future__ import annotations

import json
from typing import Any

import httpx
from attrs import frozen


class Refused(Exception):
    """An error that was the answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.data = error.get("data")


@frozen
class Agent:
    """Somebody with a token."""

    client: httpx.Client
    address: str

    def post(self, message: object, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): one for name, one in headers.items()}
        return self.client.post(self.address, json=message, headers=sent)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and return its result. Raises `Refused`."""
        answer = self.post({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["jsonrpc"], found["id"]) == ("2.0", 7)
        if "error" in found:
            raise Refused(found["error"])
        result: dict[str, Any] = found["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return what it found."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        (content,) = result["content"]
        assert not result["isError"], content
        found: dict[str, Any] = result["structuredContent"]
        assert json.loads(content["text"]) == found
        return found

    def failing(self, tool: str, **arguments: Any) -> str:
        """Call a tool that cannot do what is asked; return why."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        assert result["isError"]
        return str(result["content"][0]["text"])
