"""The embedded ledger when power is lost: what `publish()` accepted is there.

Publishers run on SQLite under a recorder of writes and syncs (power/recorder.c, by LD_PRELOAD). Of
the record many images of the disk are made, each as power might leave it at some moment, and SQLite
opens each of them.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.conftest import skip_unless_present
from tests.crash.power import images
from tests.integration.project import PATIENCE, Project
from tests.services.needs import COMPILER, find_program

MOMENTS = 100
"""At which power is lost."""
SOME = 2
PUBLISHERS = 2
EVENTS = 60

PUBLISH = """
import os, sys
from sqlalchemy import Engine, event
from asyncevents_core import AsyncEvents
from tests.crash.power.images import ACKNOWLEDGED, written

log, count, forgetful = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "forgetful"

@event.listens_for(Engine, "connect")
def set_up(connection, _):
    # Often enough to lose power in the middle of it.
    connection.execute("PRAGMA wal_autocheckpoint=20")

@event.listens_for(Engine, "checkout")
def forget(connection, _, __):
    # After the ledger has set what it needs.
    if forgetful:
        connection.execute("PRAGMA synchronous=NORMAL")

acknowledged = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
with AsyncEvents() as events:
    for n in range(0, count, 3):
        ids = [events.publish("order.created", {"n": n})]
        os.write(acknowledged, written(ACKNOWLEDGED, ids[0].bytes))
        ids = events.publish_many([("order.created", {"n": n, "text": "x" * 500})] * 2)
        os.write(acknowledged, written(ACKNOWLEDGED, b"".join(one.bytes for one in ids)))
"""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    skip_unless_present(COMPILER)
    library = tmp_path_factory.mktemp("recorder") / "recorder.so"
    source = Path(images.__file__).with_name("recorder.c")
    command = [find_program("gcc"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run([*command, str(source), "-o", str(library), "-ldl", "-lpthread"], check=True)
    return library


@pytest.fixture
def recorded(recorder, tmp_path):
    """Return a function that publishes, and returns the disk before and the record since."""
    projects = []

    def publish(how):
        disk, log = tmp_path / "disk", tmp_path / "log"
        disk.mkdir()
        url = f"sqlite:///{disk}/ledger.db"
        project = Project(folder=tmp_path, settings={"LEDGER_URL": url})
        projects.append(project)
        project.run("db", "upgrade")
        base = {str(path): path.read_bytes() for path in disk.iterdir()}
        root = Path(__file__).parents[2]
        variables = {
            "LD_PRELOAD": str(recorder),
            "POWER_FOLDER": str(disk),
            "POWER_LOG": str(log),
            "PYTHONPATH": os.pathsep.join([project.environment["PYTHONPATH"], str(root)]),
        }
        running = [
            project.start_python("-c", PUBLISH, str(log), str(EVENTS), how, **variables)
            for _ in range(PUBLISHERS)
        ]
        for one in running:
            _, errors = one.communicate(timeout=PATIENCE)
            assert one.returncode == 0, errors
        return base, images.read(log)

    yield publish
    for project in projects:
        project.end()


def lost(base, records, folder, seed, count=MOMENTS):
    """Lose power at so many moments; return how many accepted events are missing, of how many."""
    dice = random.Random(seed)
    moments = set(dice.sample(range(len(records)), min(count, len(records))))
    disk, accepted, missing, looked = images.Disk(base), set(), 0, 0
    for number, record in enumerate(records):
        disk.note(record)
        if record.type == images.ACKNOWLEDGED:
            data = record.data
            accepted |= {data[at : at + 16] for at in range(0, len(data), 16)}
        if number not in moments:
            continue
        for image in disk.images(dice, SOME):
            there = events_in(image, folder)
            missing += len(accepted - there)
            looked += len(accepted)
    return missing, looked


def events_in(image, folder):
    """Let SQLite open an image; return the events that it finds, as the bytes of their ids."""
    for path in folder.iterdir():
        path.unlink()
    for path, data in image.items():
        # What is shared memory does not outlive the machine.
        if not path.endswith("-shm"):
            (folder / Path(path).name).write_bytes(data)
    connection = sqlite3.connect(folder / "ledger.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT id FROM asyncevents_event").fetchall()
    finally:
        connection.close()
    return {uuid.UUID(row[0]).bytes if isinstance(row[0], str) else row[0] for row in rows}


@pytest.fixture
def seed():
    chosen = int(os.environ.get("ASYNCEVENTS_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"ASYNCEVENTS_CRASH_SEED={chosen}")
    return chosen


def test_what_was_accepted_outlives_a_loss_of_power(recorded, tmp_path, seed):
    base, records = recorded("as it is")
    kinds = {one.type for one in records}
    assert kinds >= {b"W", b"B", b"E", images.ACKNOWLEDGED}, kinds
    # Checkpoints were among it: the file itself was written, not only its log.
    assert any(one.type == b"W" and one.path.endswith("ledger.db") for one in records)
    (folder := tmp_path / "image").mkdir()
    missing, looked = lost(base, records, folder, seed)
    print(f"{len(records)} records, {looked:,} events looked for, {missing} missing")
    assert looked > PUBLISHERS * EVENTS * MOMENTS / 4
    assert missing == 0


def test_it_is_seen_if_commits_are_not_synced(recorded, tmp_path, seed):
    """What the test above would say of `synchronous=NORMAL`."""
    base, records = recorded("forgetful")
    (folder := tmp_path / "image").mkdir()
    missing, _ = lost(base, records, folder, seed, count=20)
    assert missing > 0
