"""For tests, of applications and of plugins: fakes, conformance suites, a pytest plugin.

The suites in `asyncevents_core.testing.conformance` hold for every implementation that a plugin
brings. The fixtures `published_events`, `local_application` and `delivery_request` need no import:
pytest finds them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# As in `asyncevents_core`: imported on first use (pytest loads this package in every project that
# has asyncevents installed), so each name is here twice, and a test holds both lists equal.
if TYPE_CHECKING:
    from asyncevents_core.testing.application import LocalApplication as LocalApplication
    from asyncevents_core.testing.broker import MemoryBroker as MemoryBroker
    from asyncevents_core.testing.builders import make_request as make_request
    from asyncevents_core.testing.conformance import IndexerConformance as IndexerConformance
    from asyncevents_core.testing.conformance import (
        RetryManagerConformance as RetryManagerConformance,
    )
    from asyncevents_core.testing.conformance import (
        RetryPolicyConformance as RetryPolicyConformance,
    )
    from asyncevents_core.testing.conformance import (
        ServiceResolverConformance as ServiceResolverConformance,
    )
    from asyncevents_core.testing.conformance import SinkConformance as SinkConformance
    from asyncevents_core.testing.driver import deliver as deliver
    from asyncevents_core.testing.driver import driven as driven
    from asyncevents_core.testing.driver import opened as opened
    from asyncevents_core.testing.driver import reason_of as reason_of
    from asyncevents_core.testing.indexer import MemoryIndexerType as MemoryIndexerType
    from asyncevents_core.testing.published import PublishedEvents as PublishedEvents
    from asyncevents_core.testing.published import (
        record_published_events as record_published_events,
    )
    from asyncevents_core.testing.pytest_plugin import MakeApplication as MakeApplication
    from asyncevents_core.testing.pytest_plugin import MakeRequest as MakeRequest
    from asyncevents_core.testing.sinks import (
        BatchingRecordingSinkType as BatchingRecordingSinkType,
    )
    from asyncevents_core.testing.sinks import (
        BlockingRecordingSinkType as BlockingRecordingSinkType,
    )
    from asyncevents_core.testing.sinks import RecordingSinkType as RecordingSinkType

_HOMES = {
    "BatchingRecordingSinkType": "asyncevents_core.testing.sinks",
    "BlockingRecordingSinkType": "asyncevents_core.testing.sinks",
    "IndexerConformance": "asyncevents_core.testing.conformance",
    "MakeApplication": "asyncevents_core.testing.pytest_plugin",
    "MakeRequest": "asyncevents_core.testing.pytest_plugin",
    "LocalApplication": "asyncevents_core.testing.application",
    "MemoryBroker": "asyncevents_core.testing.broker",
    "MemoryIndexerType": "asyncevents_core.testing.indexer",
    "PublishedEvents": "asyncevents_core.testing.published",
    "RecordingSinkType": "asyncevents_core.testing.sinks",
    "RetryManagerConformance": "asyncevents_core.testing.conformance",
    "RetryPolicyConformance": "asyncevents_core.testing.conformance",
    "ServiceResolverConformance": "asyncevents_core.testing.conformance",
    "SinkConformance": "asyncevents_core.testing.conformance",
    "deliver": "asyncevents_core.testing.driver",
    "driven": "asyncevents_core.testing.driver",
    "make_request": "asyncevents_core.testing.builders",
    "opened": "asyncevents_core.testing.driver",
    "reason_of": "asyncevents_core.testing.driver",
    "record_published_events": "asyncevents_core.testing.published",
}

if not TYPE_CHECKING:
    __all__ = list(_HOMES)

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'asyncevents_core.testing' has no attribute {name!r}")
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            if error.name == "pytest":
                raise ImportError(
                    "the conformance suites need pytest: pip install pytest"
                ) from error
            raise
