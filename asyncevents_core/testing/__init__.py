"""For tests, of applications and of plugins: fakes, conformance suites, a pytest plugin.

The suites in `asyncevents_core.testing.conformance` hold for every implementation that a plugin
brings. The fixtures `published_events`, `local_application` and `delivery_request` need no import:
pytest finds them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncevents_core.testing.application import LocalApplication
    from asyncevents_core.testing.broker import MemoryBroker
    from asyncevents_core.testing.builders import make_request
    from asyncevents_core.testing.conformance import (
        IndexerConformance,
        RetryManagerConformance,
        ServiceResolverConformance,
        SinkConformance,
    )
    from asyncevents_core.testing.driver import deliver, driven, opened, reason_of
    from asyncevents_core.testing.indexer import MemoryIndexerType
    from asyncevents_core.testing.published import PublishedEvents
    from asyncevents_core.testing.pytest_plugin import MakeApplication, MakeRequest
    from asyncevents_core.testing.sinks import (
        BatchingRecordingSinkType,
        BlockingRecordingSinkType,
        RecordingSinkType,
    )

_HOMES = {
    "BatchingRecordingSinkType": "sinks",
    "BlockingRecordingSinkType": "sinks",
    "IndexerConformance": "conformance",
    "MakeApplication": "pytest_plugin",
    "MakeRequest": "pytest_plugin",
    "LocalApplication": "application",
    "MemoryBroker": "broker",
    "MemoryIndexerType": "indexer",
    "PublishedEvents": "published",
    "RecordingSinkType": "sinks",
    "RetryManagerConformance": "conformance",
    "ServiceResolverConformance": "conformance",
    "SinkConformance": "conformance",
    "deliver": "driver",
    "driven": "driver",
    "make_request": "builders",
    "opened": "driver",
    "reason_of": "driver",
}

__all__ = [
    "BatchingRecordingSinkType",
    "BlockingRecordingSinkType",
    "IndexerConformance",
    "MakeApplication",
    "MakeRequest",
    "LocalApplication",
    "MemoryBroker",
    "MemoryIndexerType",
    "PublishedEvents",
    "RecordingSinkType",
    "RetryManagerConformance",
    "ServiceResolverConformance",
    "SinkConformance",
    "deliver",
    "driven",
    "make_request",
    "opened",
    "reason_of",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'asyncevents_core.testing' has no attribute {name!r}")
    try:
        return getattr(import_module(f"asyncevents_core.testing.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name == "pytest":
            raise ImportError("the conformance suites need pytest: pip install pytest") from error
        raise
