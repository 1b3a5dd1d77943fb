"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncevents_core.plugin import SinkType, hookimpl

ASYNCEVENTS_PLUGIN_API = 1


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `eventbridge`, `sqs`, `sns`, `kinesis` and `s3`."""
    from asyncevents_aws.kinds import (
        EventBridgeSinkType,
        KinesisSinkType,
        S3SinkType,
        SnsSinkType,
        SqsSinkType,
    )

    return [
        EventBridgeSinkType(),
        SqsSinkType(),
        SnsSinkType(),
        KinesisSinkType(),
        S3SinkType(),
    ]


@hookimpl
def asyncevents_preload() -> Sequence[str]:
    """Share between worker processes what knows the targets; a client is each process's own."""
    return ["asyncevents_aws.kinds"]
