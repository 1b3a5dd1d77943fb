"""What holds events and secrets can be read by its owner only, whatever the umask."""

from __future__ import annotations

import os
import stat

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.private_files import make_file, make_folder
from asyncevents_core.adapters.tantivy.generations import Generation


@pytest.fixture(autouse=True)
def generous():
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_of_ledger_broker_and_index(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    settings = {
        "LEDGER_URL": f"sqlite:///{home}/ledger.db",
        "BROKER_URL": f"sqla+sqlite:///{home}/broker.db",
        "EVENTS": {"order.created": {}},
    }
    with AsyncEvents(settings) as events:
        events.upgrade()
        events.publish("order.created", {})
        # From then on nothing but this test uses the files.
        assert events.flush(60)
        events.runtime.broker.check()
        Generation(home / "made" / "index" / "g-1", make=True)
        files = [one for one in home.rglob("*") if one.is_file()]
        folders = [home / "made" / "index", *(home / "made" / "index").glob("g-*")]
        names = {one.name for one in files}
        assert {"ledger.db", "ledger.db-wal", "broker.db"} <= names
        wrong = [one.name for one in files if rights(one) != 0o600 and one.parent == home]
        assert wrong == []
        assert [one.name for one in folders if rights(one) != 0o700] == []


def test_rights_that_somebody_gave_stay(tmp_path):
    shared = tmp_path / "ledger.db"
    shared.touch(mode=0o660)
    shared.chmod(0o660)
    make_file(shared)
    assert rights(shared) == 0o660
    folder = tmp_path / "index"
    folder.mkdir(mode=0o750)
    make_folder(folder)
    assert rights(folder) == 0o750


def test_what_cannot_be_made_is_left_to_whoever_opens_it(tmp_path):
    make_file(tmp_path / "no" / "such" / "folder")
    assert list(tmp_path.iterdir()) == []
