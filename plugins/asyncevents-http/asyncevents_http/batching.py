"""Several events in one request: CloudEvents in batched mode (HTTP binding, 3.3)."""

from __future__ import annotations

import asyncio
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, OutcomeKind
from asyncevents_http.keys import Keys
from asyncevents_http.recipients import Message, Recipient

_NAMES: Final = uuid.UUID("5f0c1f3a-6a0e-5d0c-9c35-0b6a3d6f5c11")
"""What ids of batches are made from, together with those of their events."""

_REFUSED: Final = frozenset({400, 413, 422})
"""Statuses by which one event in a batch would make dead letters of all of them."""

_Key = tuple[int, Recipient, tuple[str, ...]]


class Courier(ABC):
    """Makes one attempt with a message. Never raises, except `asyncio.CancelledError`."""

    @abstractmethod
    async def carry(self, recipient: Recipient, message: Message, deadline: float) -> Outcome:
        """Send it within `deadline` seconds; return the outcome."""


class Batches:
    """Lets deliveries of one subscription travel together. Used on one loop.

    A batch leaves when it is full, when its first delivery has waited long enough, and in any case
    when half of that one's time is over. Its outcome is that of each delivery in it; but a batch
    that the recipient refuses for what is in it is sent again in halves. One that is cancelled
    before is taken out; the others travel on.
    """

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._filling: dict[_Key, _Batch] = {}
        self._under_way: set[_Batch] = set()
        self._closed = False

    async def deliver(
        self, recipient: Recipient, request: DeliveryRequest, keys: Keys, deadline: float
    ) -> Outcome:
        """Make one attempt, in company where there is some."""
        if self._closed:
            return _closed()
        limits = recipient.batching
        assert limits is not None  # noqa: S101
        key = request.subscription_id, recipient, request.secrets
        batch = self._filling.get(key)
        if batch is not None and batch.size + len(request.body) + 1 > limits.bytes:
            self._leave(key, batch)
            batch = None
        if batch is None:
            batch = self._filling[key] = _Batch(recipient, keys)
            wait = min(limits.wait, deadline / 2)
            batch.timer = asyncio.get_running_loop().call_later(wait, self._leave, key, batch)
        place = batch.add(request, deadline)
        if batch.count >= limits.count or batch.size >= limits.bytes:
            self._leave(key, batch)
        try:
            return await place.outcome
        except asyncio.CancelledError:
            batch.remove(place)
            if not batch.places and batch.task is None:
                batch.stop()
                self._filling.pop(key, None)
            raise

    async def close(self) -> None:
        """End what has not left yet, and wait for what is under way. Idempotent."""
        self._closed = True
        for batch in list(self._filling.values()):
            batch.stop()
            batch.end(_closed())
        self._filling.clear()
        tasks = [one.task for one in self._under_way if one.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    def _leave(self, key: _Key, batch: _Batch) -> None:
        batch.stop()
        if self._filling.get(key) is batch:
            del self._filling[key]
        self._under_way.add(batch)
        batch.task = asyncio.ensure_future(batch.travel(self._courier))
        batch.task.add_done_callback(lambda _: self._under_way.discard(batch))


@frozen(eq=False)
class _Place:
    """A delivery in a batch: what becomes of it, and until when, on the loop's clock."""

    request: DeliveryRequest
    until: float
    outcome: asyncio.Future[Outcome]


class _Batch:
    """Deliveries that travel together."""

    def __init__(self, recipient: Recipient, keys: Keys) -> None:
        self.places: list[_Place] = []
        self.size = 1
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        self._recipient = recipient
        self._keys = keys

    @property
    def count(self) -> int:
        return len(self.places)

    def add(self, request: DeliveryRequest, deadline: float) -> _Place:
        loop = asyncio.get_running_loop()
        place = _Place(request, loop.time() + deadline, loop.create_future())
        self.places.append(place)
        self.size += len(request.body) + 1
        return place

    def remove(self, place: _Place) -> None:
        """Take a delivery out. The last one of a batch under way ends the request."""
        if place in self.places:
            self.places.remove(place)
            self.size -= len(place.request.body) + 1
        if not self.places and self.task is not None:
            self.task.cancel()

    def stop(self) -> None:
        """Leave no more by time."""
        if self.timer is not None:
            self.timer.cancel()

    def end(self, outcome: Outcome) -> None:
        for place in self.places:
            if not place.outcome.done():
                place.outcome.set_result(outcome)

    async def travel(self, courier: Courier) -> None:
        """Send what is in it, and tell each delivery what became of it."""
        try:
            await self._send(courier, sorted(self.places, key=lambda one: one.request.event_id))
        except Exception as error:
            # A bug: each delivery is told, and the engine logs it.
            for place in self.places:
                if not place.outcome.done():
                    place.outcome.set_exception(error)

    async def _send(self, courier: Courier, places: Sequence[_Place]) -> None:
        """Send some of them in one request; in halves, where the recipient refuses them."""
        wanted = [one for one in places if not one.outcome.done()]
        if not wanted:
            return
        left = min(one.until for one in wanted) - asyncio.get_running_loop().time()
        requests = [one.request for one in wanted]
        message = batch_of(requests, self._recipient, self._keys, timestamp=int(time.time()))
        outcome = await courier.carry(self._recipient, message, max(left, 0.0))
        if len(wanted) > 1 and _may_be_the_fault_of_one(outcome):
            half = len(wanted) // 2
            await self._send(courier, wanted[:half])
            await self._send(courier, wanted[half:])
            return
        for place in wanted:
            if not place.outcome.done():
                place.outcome.set_result(outcome)


def batch_of(
    requests: Sequence[DeliveryRequest], recipient: Recipient, keys: Keys, *, timestamp: int
) -> Message:
    """Return one message for several requests, oldest event first.

    Its id is made from those of the events, so that the same events again have the same id.
    """
    ordered = sorted(requests, key=lambda one: one.event_id)
    body = b"[" + b",".join([one.body for one in ordered]) + b"]"
    message_id = str(uuid.uuid5(_NAMES, ",".join([str(one.event_id) for one in ordered])))
    headers = [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", b"%d" % timestamp),
    ]
    recipient.sign(message_id, headers, body, keys, timestamp=timestamp)
    return Message(message_id, headers, body)


def _may_be_the_fault_of_one(outcome: Outcome) -> bool:
    """Tell whether a recipient has refused what it got, and might take a part of it."""
    return outcome.kind is OutcomeKind.PERMANENT and outcome.http_status in _REFUSED


def _closed() -> Outcome:
    return Outcome.failed(Failure.NETWORK, "the sink was closed")
