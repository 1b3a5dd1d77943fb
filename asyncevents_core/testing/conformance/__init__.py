"""Conformance suites: what every implementation of a port must do, as pytest classes.

Inherit from a suite in a test module and override the fixtures that its docstring names::

    class TestFileSink(SinkConformance):
        @pytest.fixture
        def sink_type(self):
            return FileSinkType()
"""

from asyncevents_core.testing.conformance.indexer import IndexerConformance
from asyncevents_core.testing.conformance.resolver import ServiceResolverConformance
from asyncevents_core.testing.conformance.retry import RetryManagerConformance
from asyncevents_core.testing.conformance.retry_policy import RetryPolicyConformance
from asyncevents_core.testing.conformance.sink import SinkConformance

__all__ = [
    "IndexerConformance",
    "RetryManagerConformance",
    "RetryPolicyConformance",
    "ServiceResolverConformance",
    "SinkConformance",
]
