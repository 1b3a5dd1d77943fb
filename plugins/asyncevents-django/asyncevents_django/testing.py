"""For tests of projects: what was published is recorded, and nothing gets out.

With pytest, the fixture `published_events` of asyncevents-core does the same, and needs no import.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, TypeVar

from asyncevents_core.testing import PublishedEvents, record_published_events

T = TypeVar("T")


class PublishedEventsMixin:
    """Records what each test publishes; before `TestCase` or `TransactionTestCase`::

        class Orders(PublishedEventsMixin, TestCase):
            def test_placing_an_order_publishes_it(self):
                place_order(42)
                self.published_events.assert_published("order.created", data={"id": 42}, times=1)

    An event counts as soon as it is published; if its transaction or savepoint is rolled back, it
    was never published. What a class publishes in `setUpTestData` is in the test database instead.
    """

    published_events: PublishedEvents
    """What was published in this test, and assertions on it."""

    def setUp(self) -> None:
        """Record from now on until the test has ended, its cleanups included."""
        parent: Any = super()
        parent.setUp()
        self.published_events = self._entered(record_published_events())

    def _entered(self, manager: AbstractContextManager[T]) -> T:
        case: Any = self
        entered: T = case.enterContext(manager)
        return entered
