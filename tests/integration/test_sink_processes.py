"""SINKS[name]["isolate"] = "process": what a sink does to its process, it does to nobody else."""

from __future__ import annotations

import os

import pytest

from asyncevents_core import NewSubscription, Settings
from asyncevents_core.plugin import Failure, OutcomeKind, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.sink_catalog import SinkCatalog
from asyncevents_core.testing import RecordingSinkType, make_request, reason_of
from asyncevents_core.worker.children import Home
from asyncevents_core.worker.sink_processes import WorkerSinks

SINKS = """
import asyncio, os, signal, time
import attrs
from asyncevents_core.plugin import (
    BatchingSink, BatchLimits, BlockingSink, NoOptions, Outcome, Sink, SinkType, hookimpl
)

@attrs.frozen(kw_only=True)
class Options:
    label: str = "none"

def does(request):
    print("a line on standard output")
    assert request.prepared == ("prepared", request.target)
    if request.target == "exits":
        os._exit(7)
    if request.target == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if request.target == "blocks":
        time.sleep(3600)
    if request.target == "raises":
        raise RuntimeError("on purpose")
    return Outcome.delivered(f"{request.options.label} in {os.getpid()}")

class Asynchronous(Sink):
    async def deliver(self, request, deadline):
        await asyncio.sleep(0)
        return does(request)

class Blocking(BlockingSink):
    def deliver(self, request, deadline):
        return does(request)

class Many(BatchingSink):
    limits = BatchLimits(entries=10)
    def group(self, request):
        return request.target
    def deliver_batch(self, requests, deadline):
        return [does(one) for one in requests]

class Kind(SinkType):
    title, config_class, options_class = "Odd", NoOptions, Options
    def __init__(self, name, sink):
        self.name, self.sink = name, sink
    def validate_target(self, target, config):
        pass
    def prepare(self, target, options, config):
        return ("prepared", target)
    def open(self, config):
        return self.sink()

@hookimpl
def asyncevents_register_sinks():
    return [Kind("asynchronous", Asynchronous), Kind("blocking", Blocking), Kind("many", Many)]
"""
NAMES = ("asynchronous", "blocking", "many")
LONG = 120.0
"""Seconds within which a process starts, whatever else the machine does."""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings with the three kinds of sinks, each in processes, for any process."""
    (tmp_path / "odd_sinks.py").write_text(SINKS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return {
        "PLUGINS": ["odd_sinks"],
        "SINKS": {name: {"isolate": "process"} for name in NAMES},
        "SINK_DEADLINE": LONG,
        "INDEXER": None,
    }


@pytest.fixture(params=NAMES)
async def sink(request, settings, make_project, monkeypatch):
    """An open sink of each kind, whose process has started, and what makes requests for it."""
    project = make_project(**settings)
    monkeypatch.setenv("PYTHONPATH", f"{project.folder}:{os.environ['PYTHONPATH']}")
    catalog = SinkCatalog(
        Settings.from_mapping(settings),
        load_plugins(named=["odd_sinks"], found=[]).sinks,
    )
    home = Home(settings_module="project_settings")
    opened = WorkerSinks(catalog, lambda setting: home).open(request.param)

    def made(target):
        kind = catalog.kind(request.param)
        return make_request(sink_type=kind, target=target, options={"label": "good"})

    outcome = await opened.deliver(made("fine"), LONG)
    assert outcome.detail.startswith("good in ")
    assert int(outcome.detail.rpartition(" ")[2]) != os.getpid()
    yield opened, made
    await opened.close()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("exits", "ended with exit code 7"),
        ("killed", "killed by SIGKILL"),
        ("raises", "on purpose"),
    ],
)
async def test_what_a_sink_does_to_its_process_is_told_and_the_next_one_delivers(
    sink, target, said
):
    opened, made = sink
    with pytest.raises(RuntimeError, match=said):
        await opened.deliver(made(target), LONG)
    outcome = await opened.deliver(made("fine"), LONG)
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_an_attempt_that_takes_too_long_is_killed(sink):
    opened, made = sink
    outcome = await opened.deliver(made("blocks"), 0.5)
    assert reason_of(outcome) is Failure.TIMED_OUT
    assert "its process was killed" in outcome.detail


def test_a_worker_delivers_with_them(make_project, settings):
    project = make_project(**settings)
    for name in NAMES:
        project.run("subscribe", "order.created", "fine", "--sink", name, "--option", "label=good")
    project.run("publish", "order.created", '{"id": 1}')
    project.run("worker", "--drain")
    found = {row["sink"]: row["detail"] for row in project.rows("logs")}
    assert found.keys() == set(NAMES)
    assert len({detail.rpartition(" ")[2] for detail in found.values()}) == len(NAMES)


def test_settings_that_are_a_mapping_say_what_is_missing(local_application):
    class Recording:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [RecordingSinkType()]

    application = local_application(
        Recording(), settings={"SINKS": {"recording": {"isolate": "process"}}, "MAXIMUM_DEATHS": 0}
    )
    application.subscribe(
        NewSubscription(event_name="example.created", sink="recording", target="memory:a")
    )
    (trace,) = application.deliver()
    assert "SINKS['recording'].isolate: 'process' needs a settings module" in (
        trace.attempts[0].detail
    )
