"""The suite that core ships, on the sink of this distribution."""

from __future__ import annotations

import pytest

from asyncevents_core.plugin import Failure
from asyncevents_core.testing import SinkConformance
from asyncevents_file_sink.plugin import FileConfig, FileSinkType


class TestFileSink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return FileSinkType()

    @pytest.fixture
    def config(self, tmp_path):
        return FileConfig(root=str(tmp_path), fsync=True)

    @pytest.fixture
    def target(self):
        return "events.jsonl"

    @pytest.fixture
    def received(self, tmp_path):
        path = tmp_path / "events.jsonl"
        return lambda: path.read_bytes().splitlines() if path.exists() else []

    @pytest.fixture
    def elsewhere(self, tmp_path):
        path = tmp_path / "others.jsonl"
        return path.name, lambda: path.read_bytes().splitlines() if path.exists() else []

    @pytest.fixture
    def bad_targets(self):
        return ["", "../outside.jsonl", "/etc/passwd", "folder/", "."]

    @pytest.fixture
    def unreachable(self):
        return "no/such/folder/events.jsonl"

    @pytest.fixture
    def failures(self):
        return {
            Failure.INVALID: "../outside.jsonl",
            Failure.UNAVAILABLE: "no/such/folder/events.jsonl",
        }
