"""The suite that core ships, on the sink `pubsub` and a real server."""

from __future__ import annotations

import pytest
from attrs import fields

from asyncevents_core.plugin import HELP
from asyncevents_core.testing import SinkConformance
from asyncevents_gcp.config import PubSubConfig
from asyncevents_gcp.kind import PubSubSinkType


class TestPubSubSink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return PubSubSinkType()

    @pytest.fixture
    def config(self, pubsub):
        # A text, so that the suite puts a secret in its place.
        return PubSubConfig(endpoint=f"http://{pubsub.host}", credentials_json="{}")

    @pytest.fixture
    def target(self, inbox):
        return inbox.topic

    @pytest.fixture
    def received(self, inbox):
        return lambda: [one.data for one in inbox.messages()]

    @pytest.fixture
    def elsewhere(self, make_inbox):
        other = make_inbox()
        return other.topic, lambda: [one.data for one in other.messages()]

    @pytest.fixture
    def seen_beside(self, inbox):
        return lambda: [one.ordering_key for one in inbox.messages()]

    @pytest.fixture
    def other_options(self):
        return {"ordering_key": "event"}

    @pytest.fixture
    def own_options(self):
        return {"credentials_json": "{}"}

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "ab",
            "1orders",
            "goog-orders",
            "or ders",
            "orders\n",
            "o" * 256,
            "projects/shop",
            "projects//topics/orders",
            "projects/shop/topics/",
            "projects/Shop/topics/orders",
            "projects/shop/subscriptions/orders",
            "projects/shop/topics/orders/more",
            "https://pubsub.googleapis.com/v1/projects/shop/topics/orders",
        ]

    @pytest.fixture
    def unreachable(self):
        return "projects/shop/topics/no-such-topic"


def test_forms_say_what_each_option_is_for():
    options = fields(PubSubSinkType.options_class)
    assert all(one.metadata[HELP].endswith(".") for one in options)
