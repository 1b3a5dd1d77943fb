"""Where tests write."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import pytest

from tests import scratch


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "ROOM", 0)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("TMPDIR", raising=False)
    return tmp_path


def test_this_process_and_its_children_write_there(memory):
    folder = scratch.in_memory()
    assert folder.parent == memory
    code = "import tempfile; print(tempfile.gettempdir())"
    of_child = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    assert of_child == tempfile.gettempdir() == str(folder)
    scratch.remove(folder)
    assert not folder.exists()
    assert tempfile.gettempdir() != str(folder)


def test_a_small_machine_writes_to_its_disk(memory, monkeypatch):
    monkeypatch.setattr(scratch, "ROOM", 2**60)
    assert scratch.in_memory() is None
    assert list(memory.iterdir()) == []
    assert "TMPDIR" not in os.environ


def test_whoever_says_where_is_heard(memory, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert scratch.in_memory() is None
    assert os.environ["TMPDIR"] == "/var/tmp"


def test_what_ended_sessions_left_is_removed(memory):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {"ended": f"ae-{ended.pid}", "running": f"ae-{os.getppid()}", "others": "ae-other"}
    for name in names.values():
        (memory / name).mkdir()
    folder = scratch.in_memory()
    left = {one.name for one in memory.iterdir()} - {folder.name}
    assert left == {names["running"], names["others"]}
    scratch.remove(folder)


def test_where_no_program_may_be_run(memory, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC))
    assert scratch.in_memory() is None
    assert list(memory.iterdir()) == []
