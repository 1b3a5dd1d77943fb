"""The route of the Model Context Protocol: a request has one message, its answer one, as JSON.

This is the protocol's transport "streamable HTTP" without streams and sessions, which it leaves to
servers to have: each request stands for itself, and any process can answer it. A GET, which would
open a stream, is answered with 405.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, Router, post
from litestar.params import JSONBody

from asyncevents_core.settings.schema import Settings
from asyncevents_core.web.access import AUTHENTICATED, RESOURCE, guard
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.api.strict_body import StrictBody
from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.methods import answered
from asyncevents_core.web.mcp.rpc import Call, Message, RpcError, error_of, result_of

HEADERS: Final = ("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
"""What pages of other sites, where they are allowed, send beside what the REST API takes."""


@post(
    names.PATH,
    opt={RESOURCE: AUTHENTICATED},
    status_code=200,
    dto=StrictBody[Message],
    return_dto=None,
    include_in_schema=False,
)
async def ask(
    data: JSONBody[Message],
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
) -> Response[Any]:
    """Answer a message. Each method and tool asks for the resources that it needs."""
    _check_origin(request, backend.runtime.settings)
    version = request.headers.get(names.VERSION_HEADER)
    stateless = version in names.STATELESS_VERSIONS
    try:
        call = data.call()
        if call is None:
            return Response(b"", status_code=202)
        _check_headers(request, version, call)
        result = await answered(call, Door(backend=backend, actor=actor), stateless=stateless)
    except RpcError as error:
        status = names.STATUSES.get(error.code, 200) if stateless else 200
        return Response(error_of(data.id, error), status_code=status)
    return Response(result_of(data.id, result))


def routes(settings: Settings) -> list[Router]:
    """Return the routes that there are where WEB_MCP is True."""
    return [Router("/", route_handlers=[ask], guards=[guard])] if settings.web_mcp else []


def _check_origin(request: Request[Any, Any, Any], settings: Settings) -> None:
    """Raise a `Problem` (403) for a page of a site that nobody allowed.

    Tokens are what keeps others out; the protocol wants this besides, against sites whose name
    leads to an address of one's own network.
    """
    origin = request.headers.get("origin")
    allowed = settings.web_cors_origins
    if origin is not None and "*" not in allowed and origin not in allowed:
        raise Problem(
            403, f"pages of {origin[:200]} may not ask: add it to WEB_CORS_ORIGINS if they should"
        )


def _check_headers(request: Request[Any, Any, Any], version: str | None, call: Call) -> None:
    if version is not None and version not in names.VERSIONS:
        raise RpcError(
            names.UNSUPPORTED_VERSION,
            "Unsupported protocol version",
            {"supported": list(names.VERSIONS), "requested": version[:100]},
        )
    method = request.headers.get(names.METHOD_HEADER)
    if method is not None and method != call.method:
        raise RpcError(names.HEADER_MISMATCH, f"the header Mcp-Method is not {call.method!r}")
