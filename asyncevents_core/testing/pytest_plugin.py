"""The pytest plugin: fixtures for applications and plugins. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from uuid import UUID

    from asyncevents_core.ports.observer import Observer
    from asyncevents_core.ports.sink import AnySinkType, DeliveryRequest
    from asyncevents_core.testing.application import LocalApplication
    from asyncevents_core.testing.published import PublishedEvents


class MakeApplication(Protocol):
    """What the fixture `local_application` gives to a test."""

    def __call__(
        self,
        *plugins: object,
        settings: Mapping[str, object] | None = None,
        observers: Sequence[Observer] = (),
    ) -> LocalApplication:
        """Return an application of its own; see `LocalApplication`."""
        ...


class MakeRequest(Protocol):
    """What the fixture `delivery_request` gives to a test."""

    def __call__(
        self,
        *,
        target: str,
        data: object = None,
        event_name: str = ...,
        event_id: UUID | None = None,
        tenant: str | None = None,
        attempt: int = 1,
        secrets: tuple[str, ...] = (),
        options: Mapping[str, object] | None = None,
        sink_type: AnySinkType | None = None,
        config: object = None,
    ) -> DeliveryRequest:
        """Return a request whose body is a CloudEvent that carries `data`: see `make_request`."""
        ...


@pytest.fixture
def published_events() -> Iterator[PublishedEvents]:
    """Record what every `AsyncEvents` publishes during this test, instead of sending it.

    Needs no database and no broker. Unknown names and data that is not JSON are refused as
    ever. Objects that have published before the test are made to record too.
    """
    from asyncevents_core.testing.published import record_published_events

    with record_published_events() as recorded:
        yield recorded


@pytest.fixture
def local_application() -> Iterator[MakeApplication]:
    """Return a function that makes applications, with the plugins that it is given.

    ``local_application(my_package.plugin, settings={"SINKS": …})`` is an `AsyncEvents` that needs
    no server and leaves out all else that is installed; its `deliver` publishes one event and
    returns the traces of what became of it. Closed and removed when the test ends.
    """
    from asyncevents_core.testing.application import LocalApplication

    with ExitStack() as stack:

        def make(
            *plugins: object,
            settings: Mapping[str, object] | None = None,
            observers: Sequence[Observer] = (),
        ) -> LocalApplication:
            made = LocalApplication(plugins, settings=settings, observers=observers)
            return stack.enter_context(made)

        yield make


@pytest.fixture
def delivery_request() -> MakeRequest:
    """Return a function that makes requests as a sink gets them: `make_request`."""
    from asyncevents_core.testing.builders import make_request

    return make_request
