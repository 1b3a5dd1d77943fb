"""Messages of JSON-RPC 2.0, as the Model Context Protocol sends them: one in a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from attrs import field, frozen

from asyncevents_core.web.mcp import names

RequestId = str | int


class RpcError(Exception):
    """What a request is answered with that cannot be done."""

    def __init__(self, code: int, message: str, data: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@frozen(kw_only=True)
class Envelope:
    """What clients send."""

    jsonrpc: str
    method: str
    id: str | int | None = None
    params: dict[str, Any] = field(factory=dict)


@frozen
class Message:
    """Any JSON value that was sent: `call` says whether it asks for something."""

    shape: ClassVar[type] = Envelope

    value: object

    @classmethod
    def read(cls, value: object) -> Self:
        """Return the message that a JSON value is; what is no message is found out later."""
        return cls(value)

    @property
    def id(self) -> RequestId | None:
        """The id that an answer repeats, if there is one that can be."""
        found = self.value.get("id") if isinstance(self.value, dict) else None
        return found if isinstance(found, str | int) and not isinstance(found, bool) else None

    def call(self) -> Call | None:
        """Return what is asked for; None for what wants no answer. Raises `RpcError`."""
        value = self.value
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
            raise RpcError(
                names.INVALID_REQUEST, 'send one JSON-RPC message, an object with "jsonrpc": "2.0"'
            )
        method = value.get("method")
        if method is None and ("result" in value or "error" in value):
            return None
        if not isinstance(method, str):
            raise RpcError(names.INVALID_REQUEST, "method is missing")
        if "id" not in value:
            return None
        if self.id is None:
            raise RpcError(names.INVALID_REQUEST, "id is a text or a whole number")
        params = value.get("params", {})
        if not isinstance(params, dict):
            raise RpcError(names.INVALID_PARAMS, "params is an object")
        return Call(method=method, params=params)


@frozen(kw_only=True)
class Call:
    """A method, and what it is called with."""

    method: str
    params: Mapping[str, Any]


def result_of(request_id: RequestId | None, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to what could be done."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error_of(request_id: RequestId | None, error: RpcError) -> dict[str, Any]:
    """Return the answer to what could not be done."""
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        said["data"] = error.data
    return {"jsonrpc": "2.0", "id": request_id, "error": said}
