"""A real Pub/Sub, topics on it with a subscription to read back from, and a faulty server."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence

import grpc
import pytest
from attrs import define, field, frozen
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import ReceivedMessage

from asyncevents_core.plugin import Sink
from asyncevents_core.testing import opened
from asyncevents_gcp.config import PubSubConfig
from asyncevents_gcp.kind import PubSubSinkType
from faulty import Faulty, running
from tests.conftest import skip_unless_present
from tests.services.needs import PUBSUB

PROJECT = "shop"


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch):
    """Whatever is set on this machine must not matter."""
    for name in (
        "PUBSUB_EMULATOR_HOST",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def pubsub():
    skip_unless_present(PUBSUB)
    from tests.services.pubsub import PubSub

    server = PubSub()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@define
class Inbox:
    """A topic, and what arrived at it so far."""

    topic: str
    _subscription: str
    _subscriber: pubsub_v1.SubscriberClient = field(repr=False)
    _pulled: list[ReceivedMessage] = field(factory=list)

    @property
    def name(self) -> str:
        return self.topic.rpartition("/")[2]

    def messages(self) -> list[pubsub_v1.types.PubsubMessage]:
        """Return all that has arrived, in the order of arrival."""
        while True:
            pulled = self._pull()
            if not pulled:
                return [one.message for one in self._pulled]
            self._pulled += pulled
            self._subscriber.acknowledge(
                subscription=self._subscription, ack_ids=[one.ack_id for one in pulled]
            )

    def _pull(self) -> Sequence[ReceivedMessage]:
        request = {
            "subscription": self._subscription,
            "max_messages": 1000,
            # Otherwise a pull waits, and what the server hands out while the client gives up is
            # away for a minute. Deprecated for what it does to real projects.
            "return_immediately": True,
        }
        with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
            return self._subscriber.pull(request=request, timeout=60, retry=None).received_messages

    def wait_for(self, count: int) -> list[pubsub_v1.types.PubsubMessage]:
        until = time.monotonic() + 30
        while len(self.messages()) < count and time.monotonic() < until:
            time.sleep(0.05)
        return self.messages()


@frozen
class Clients:
    publisher: pubsub_v1.PublisherClient
    subscriber: pubsub_v1.SubscriberClient


@pytest.fixture(scope="session")
def clients(pubsub) -> Iterator[Clients]:
    channel = grpc.insecure_channel(pubsub.host, options=[("grpc.max_receive_message_length", -1)])
    publisher = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    yield Clients(publisher, subscriber)
    publisher.stop()
    subscriber.close()


@pytest.fixture
def make_inbox(clients) -> Callable[..., Inbox]:
    def make(*, ordered: bool = False) -> Inbox:
        unique = uuid.uuid4().hex[:12]
        topic = f"projects/{PROJECT}/topics/orders-{unique}"
        subscription = f"projects/{PROJECT}/subscriptions/reader-{unique}"
        clients.publisher.create_topic(name=topic)
        clients.subscriber.create_subscription(
            request={
                "name": subscription,
                "topic": topic,
                "enable_message_ordering": ordered,
                "ack_deadline_seconds": 60,
            }
        )
        return Inbox(topic, subscription, clients.subscriber)

    return make


@pytest.fixture
def inbox(make_inbox) -> Inbox:
    return make_inbox()


@pytest.fixture
def config(pubsub) -> PubSubConfig:
    return PubSubConfig(endpoint=f"http://{pubsub.host}", project=PROJECT)


@pytest.fixture
async def sink(config) -> Sink:
    async with opened(PubSubSinkType(), config) as sink:
        yield sink


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with running(Faulty()) as server:
        yield server
