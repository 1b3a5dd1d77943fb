"""Requests for the sink `pubsub`."""

from __future__ import annotations

from asyncevents_core import testing
from asyncevents_gcp.kind import PubSubSinkType


def make_request(**wanted):
    """Return a request with the sink's own options: see `asyncevents_core.testing`."""
    return testing.make_request(sink_type=PubSubSinkType(), **wanted)
