"""The two servers, and sinks driven as the engine drives them."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import pytest

import azure_bus
import azure_grid
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink


def pytest_collection_modifyitems(items):
    """Accept what azure-servicebus does: a socket that was cut is left to the garbage collector."""
    left = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents and "bus" in item.fixturenames:
            item.add_marker(left)


@pytest.fixture
def grid():
    with azure_grid.running() as running:
        yield running


@pytest.fixture
def bus():
    with azure_bus.running() as running:
        yield running
    with warnings.catch_warnings():
        # Here, and not in a test that has nothing to do with it. What the test has left is young:
        # to look at all that was ever imported takes a second.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect(1)


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
