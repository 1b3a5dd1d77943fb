"""The open sinks of a process."""

import logging

import pytest

from asyncevents_core.engine.delivering.sinks import SinkOpener, SinkRack
from asyncevents_core.errors import UnknownName
from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.sinks import RecordingConfig


def rack_of(*names):
    opened = []

    class Opener(SinkOpener):
        def open(self, name):
            opened.append(name)
            if name not in names:
                raise UnknownName(f"unknown sink {name!r}")
            return RecordingSinkType().open(RecordingConfig())

        def prepare(self, subscription):
            raise NotImplementedError

    return SinkRack(Opener()), opened


async def test_a_sink_is_opened_once():
    rack, opened = rack_of("a", "b")
    rack.open_early({"b", "a"})
    assert rack.get("a") is rack.get("a")
    assert opened == ["a", "b"]


async def test_one_that_cannot_be_opened_early_is_logged_and_tried_again(caplog):
    rack, opened = rack_of("good")
    with caplog.at_level(logging.WARNING):
        rack.open_early({"bad", "good"})
    assert [record.sink for record in caplog.records] == ["bad"]
    with pytest.raises(UnknownName):
        rack.get("bad")
    assert opened == ["bad", "good", "bad"]
