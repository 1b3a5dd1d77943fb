"""What tells a consumer that somebody wrote to a broker that is a file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from asyncevents_core.adapters.kombu.broker import KombuBroker
from asyncevents_core.adapters.sqlalchemy.file_changes import FileChanges
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig

LONG = 30.0


@pytest.fixture
def changes(sqlite_file) -> Iterator[FileChanges]:
    watching = FileChanges(sqlite3.connect(sqlite_file))
    assert watching.wait(0)
    yield watching
    watching.close()


def test_nothing_was_written(changes):
    assert not changes.wait(0.02)


def test_what_another_connection_commits_is_told_once(changes, sqlite_file):
    other = sqlite3.connect(sqlite_file)
    other.execute("INSERT INTO a VALUES (1)")
    assert not changes.wait(0)
    other.commit()
    assert changes.wait(LONG)
    assert not changes.wait(0)
    other.close()


def test_what_another_process_commits(changes, sqlite_file):
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('INSERT INTO a VALUES (1)'); c.commit()"
    )
    subprocess.run([sys.executable, "-c", code, sqlite_file], check=True)
    assert changes.wait(LONG)


def test_consumers_of_a_file_ask_only_when_it_was_written_to(tmp_path, monkeypatch):
    """As kombu asks: some 2 ms each time, ten times a second for each process."""
    broker = KombuBroker(BrokerConfig(url=f"sqla+sqlite:///{tmp_path}/broker.db"))
    asked = []
    with broker.consumer(prefetch=9) as consumer, closing(broker.producer()) as producer:
        sent = uuid4()
        producer.send([sent])
        (received,) = consumer.receive(LONG)
        assert list(received.ids) == [sent]
        received.ack()
        # What was just written is looked at once more.
        consumer.receive(0.05)
        arrived = consumer._arrived
        monkeypatch.setattr(
            consumer, "_arrived", lambda *given: asked.append(given) or arrived(*given)
        )
        assert consumer.receive(0.5) == []
        assert len(asked) <= 3
        producer.send([sent])
        (received,) = consumer.receive(LONG)
        received.ack()


def test_a_file_that_can_no_longer_be_watched_is_a_broker_that_is_away(tmp_path, monkeypatch):
    broker = KombuBroker(BrokerConfig(url=f"sqla+sqlite:///{tmp_path}/broker.db"))

    def fail(changes, timeout):
        raise sqlite3.OperationalError("disk I/O error")

    with broker.consumer(prefetch=9) as consumer:
        with monkeypatch.context() as patch:
            patch.setattr(FileChanges, "wait", fail)
            with pytest.raises(BrokerUnavailable, match="disk I/O error"):
                consumer.receive(0.5)
        assert consumer.receive(0.05) == []
