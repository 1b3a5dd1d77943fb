"""A worker that is told to stop has ended in time, whatever hangs in it."""

from __future__ import annotations

import shutil
import signal

import pytest
from cryptography.fernet import Fernet

from asyncevents_core.worker.exits import EXIT_OK, EXIT_STUCK
from tests.integration.project import PATIENCE, Project, eventually

HANGING = '''
import asyncio, contextlib, hashlib, pathlib, time
import attrs
from asyncevents_core.plugin import (
    Indexer, IndexerType, Observer, Outcome, RetryManager, RetryManagerType, RetryPolicyType,
    Service, ServiceResolver, ServiceResolverType, Sink, SinkType, hookimpl,
)
from asyncevents_core import event

PLACE = pathlib.Path(__file__).with_name("place")

def begins(place):
    """Whether it is here that something hangs, once."""
    if PLACE.exists() and PLACE.read_text() == place:
        PLACE.unlink()
        return True

def hangs(place):
    if begins(place):
        time.sleep(3600)

async def clings(place):
    if begins(place):
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

@attrs.frozen
class Config:
    pass

class HangingSink(Sink):
    async def deliver(self, request, deadline):
        hangs("a sink's loop")
        if begins("native code"):
            # No signal interrupts it; other threads run.
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
        await clings("a sink")
        return Outcome.temporary("again")
    async def close(self):
        hangs("the close of a sink")
        await clings("the close of a sink, asynchronous")

class HangingSinkType(SinkType):
    name, title, config_class = "hanging", "Hangs", Config
    def validate_target(self, target, config):
        pass
    def open(self, config):
        hangs("the opening of a sink")
        return HangingSink()

class HangingIndexer(Indexer):
    def upsert(self, documents):
        hangs("an indexer")
        return []
    def delete(self, log_ids): pass
    def search(self, query, **_): raise NotImplementedError
    def count(self): return 0
    def rebuild(self): raise NotImplementedError
    def is_rebuilding(self): return False
    def close(self): hangs("the close of an indexer")

class HangingIndexerType(IndexerType):
    name, title, config_class = "hanging", "Hangs", Config
    def open(self, config):
        return HangingIndexer()

class HangingRetries(RetryManager):
    def schedule(self, retries): hangs("a retry manager")
    def close(self): hangs("the close of a retry manager")

class HangingRetriesType(RetryManagerType):
    name, title = "hanging", "Hangs"
    def open(self, broker):
        return HangingRetries()

class HangingPolicy(RetryPolicyType):
    name, title = "hanging", "Hangs"
    def decide(self, failed):
        hangs("a retry policy")
        return 3600.0

class HangingResolver(ServiceResolver):
    def resolve(self, definition):
        hangs("a resolver")
        return Service(call=serve)

class HangingResolverType(ServiceResolverType):
    name, title = "hanging", "Hangs"
    def open(self, build):
        return HangingResolver()

def serve(arguments):
    hangs("a service")
    return {}

class Watching(Observer):
    def attempt_ended(self, notice): hangs("an observer")
    def worker_stopping(self, notice): hangs("an observer of the end")

@hookimpl
def asyncevents_register_sinks(): return [HangingSinkType()]
@hookimpl
def asyncevents_register_indexers(): return [HangingIndexerType()]
@hookimpl
def asyncevents_register_retry_managers(): return [HangingRetriesType()]
@hookimpl
def asyncevents_register_retry_policies(): return [HangingPolicy()]
@hookimpl
def asyncevents_register_service_resolvers(): return [HangingResolverType()]
@hookimpl
def asyncevents_register_observers(): return [Watching()]
@hookimpl
def asyncevents_prepare_process(): hangs("a hook before the start")
@hookimpl
def asyncevents_around_service(definition, is_async): hangs("a hook around services")
'''
FIRST = ["a hook before the start", "the opening of a sink"]
AT_WORK = [
    "a sink",
    "a sink's loop",
    "native code",
    "a service",
    "a resolver",
    "a hook around services",
    "an indexer",
    "a retry manager",
    "a retry policy",
    "an observer",
]
LAST = [
    "the close of a sink",
    "the close of a sink, asynchronous",
    "the close of an indexer",
    "the close of a retry manager",
    "an observer of the end",
]


SETTINGS = {
    "SHUTDOWN_GRACE": 1,
    "SECRET_KEYS": [Fernet.generate_key().decode()],
    "PLUGINS": ["hanging"],
    "EVENTS": {"order.created": {"service": "hanging:serve"}},
    "INDEXER": "hanging",
    "INDEXERS": {},
    "RETRY_MANAGER": "hanging",
    "RETRY_POLICY": "hanging",
    "SERVICE_RESOLVER": "hanging",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with an event that waits for a worker: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "hanging.py").write_text(HANGING)
    made = Project(folder=folder, settings=SETTINGS)
    made.run("db", "upgrade")
    made.run("subscribe", "order.created", "anywhere", "--sink", "hanging")
    made.run("publish", "order.created", "{}")
    return folder


@pytest.fixture
def project(prepared, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(prepared, folder)
    made = Project(folder=folder, settings=SETTINGS)
    yield made
    made.end()


def hang(project, place):
    where = project.folder / "place"
    where.write_text(place)
    return where


@pytest.mark.parametrize("place", [*FIRST, *AT_WORK])
def test_a_worker_in_which_something_hangs(project, place):
    where = hang(project, place)
    worker = project.start("worker")
    eventually(lambda: not where.exists(), what="it hangs")
    worker.terminate()
    # Far less than the hour for which it hangs.
    assert worker.wait(PATIENCE) in {EXIT_OK, EXIT_STUCK, -signal.SIGTERM}


@pytest.mark.parametrize("place", LAST)
def test_a_worker_that_hangs_while_it_ends(project, place):
    worker = project.start("worker")
    eventually(lambda: project.rows("logs"), what="it works")
    where = hang(project, place)
    worker.terminate()
    assert worker.wait(PATIENCE) in {EXIT_OK, EXIT_STUCK}
    assert not where.exists()
