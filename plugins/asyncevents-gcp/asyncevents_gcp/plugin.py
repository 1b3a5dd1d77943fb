"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncevents_core.plugin import SinkType, hookimpl
from asyncevents_gcp.kind import PubSubSinkType

ASYNCEVENTS_PLUGIN_API = 1


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `pubsub`."""
    return [PubSubSinkType()]


@hookimpl
def asyncevents_preload() -> Sequence[str]:
    """Share between worker processes what knows the targets; a client is each process's own."""
    return ["asyncevents_gcp.plugin"]
