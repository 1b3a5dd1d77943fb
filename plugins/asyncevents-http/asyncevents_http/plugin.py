"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asyncevents_core.plugin import SinkType, hookimpl

if TYPE_CHECKING:
    import click

ASYNCEVENTS_PLUGIN_API = 1


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `http` and `mcp`."""
    from asyncevents_http.kind import HttpSinkType
    from asyncevents_http.mcp_kind import McpSinkType

    return [HttpSinkType(), McpSinkType()]


@hookimpl
def asyncevents_preload() -> Sequence[str]:
    """Share what deliveries need between worker processes: the sink, and its HTTP client."""
    return ["asyncevents_http.kind", "asyncevents_http.sink"]


@hookimpl
def asyncevents_register_commands() -> Sequence[click.Command]:
    """Register `listen`, `dev` and `demo`."""
    from asyncevents_http.demo import demo
    from asyncevents_http.dev import dev
    from asyncevents_http.listen import listen

    return [listen, dev, demo]
