"""The two servers, and sinks driven as the engine drives them."""

from __future__ import annotations

import pytest

import azure_bus
import azure_grid
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink


@pytest.fixture
def grid():
    with azure_grid.running() as running:
        yield running


@pytest.fixture
def bus():
    with azure_bus.running() as running:
        yield running


@pytest.fixture
async def threaded():
    """Open a sink as the engine does; takes a type and a configuration."""
    made = []

    def make(kind, config):
        made.append(ThreadedSink(kind.open(config), concurrency=kind.concurrency, name=kind.name))
        return made[-1]

    yield make
    for one in made:
        await one.close()
