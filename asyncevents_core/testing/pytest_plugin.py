"""The pytest plugin: fixtures for applications that publish. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asyncevents_core.application import AsyncEvents
    from asyncevents_core.engine.publish import Publisher
    from asyncevents_core.testing.published import PublishedEvents


@pytest.fixture
def published_events(monkeypatch: pytest.MonkeyPatch) -> PublishedEvents:
    """Record what every `AsyncEvents` publishes during this test, instead of sending it.

    Needs no database and no broker. Unknown names and data that is no JSON are refused as
    ever. Objects that have published before the test are made to record too.
    """
    from asyncevents_core.application import AsyncEvents
    from asyncevents_core.testing.published import PublishedEvents, RecordingPublisher

    recorded = PublishedEvents()

    def publisher(self: AsyncEvents) -> Publisher:
        return RecordingPublisher(recorded, self.runtime.catalog, self.runtime.publish_rules)

    monkeypatch.setattr(AsyncEvents, "ready_publisher", publisher)
    return recorded
