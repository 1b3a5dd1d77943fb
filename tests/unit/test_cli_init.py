"""`asyncevents init`: the settings module that one begins with."""

from __future__ import annotations

import runpy
import stat

import pytest
from attrs import field, frozen

from asyncevents_core.cli.commands import init as setup
from asyncevents_core.plugin import DEVELOPMENT, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.testing import RecordingSinkType


def test_init_writes_settings_that_are_valid(folder, run, settings):
    name = settings()
    output = run("init", name, "--dev").output
    path = folder / f"{name}.py"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"export ASYNCEVENTS_SETTINGS_MODULE={name}" in output
    assert '"127.0.0.0/8"' in path.read_text()
    run("db", "upgrade")
    found = {one["what"]: one["state"] for one in run.rows("check")}
    assert found["settings"] == found["ledger"] == found["broker"] == "ok"
    assert found["trigger consumers"] == "warning"


def test_init_keeps_what_is_there(folder, run):
    run("init", "mine")
    before = (folder / "mine.py").read_text()
    assert "--force" in run("init", "mine", code=1).output
    assert (folder / "mine.py").read_text() == before
    run("init", "mine", "--force")
    after = (folder / "mine.py").read_text()
    assert after != before  # another secret key
    assert "127.0.0.0/8" not in after


@frozen(kw_only=True)
class Configured:
    host: str = field(default="", metadata={DEVELOPMENT: 'my "own"'})
    allow: tuple[object, ...] = field(default=(), metadata={DEVELOPMENT: ("ä", 1.5, None, True)})
    timeout: float = 5.0


class Suggesting(RecordingSinkType):
    name = "suggesting"
    config_class = Configured


class Plugin:
    @staticmethod
    @hookimpl
    def asyncevents_register_sinks():
        return [Suggesting(), RecordingSinkType()]


@pytest.mark.parametrize(
    ("installed", "written"),
    [([], {}), ([Plugin], {"suggesting": {"host": 'my "own"', "allow": ["ä", 1.5, None, True]}})],
)
def test_init_writes_what_installed_sinks_name_for_development(
    folder, run, monkeypatch, installed, written
):
    monkeypatch.setattr(setup, "load_plugins", lambda _: load_plugins(installed, found=[]))
    run("init", "mine", "--dev")
    assert runpy.run_path(str(folder / "mine.py"))["SINKS"] == written
    run("init", "mine", "--force")
    assert runpy.run_path(str(folder / "mine.py"))["SINKS"] == {}


def test_init_closes_a_file_that_others_could_read(folder, run):
    (folder / "mine.py").touch()
    (folder / "mine.py").chmod(0o644)
    run("init", "mine", "--force")
    assert stat.S_IMODE((folder / "mine.py").stat().st_mode) == 0o600


def test_init_says_what_it_cannot_write(folder, run):
    (folder / "mine.py").mkdir()
    assert "mine.py: Is a directory" in run("init", "mine", "--force", code=1).output


@pytest.mark.parametrize("name", ["1st", "a-b", "a/b", "a.py"])
def test_init_wants_the_name_of_a_module(folder, run, name):
    assert "is no module name" in run("init", name, code=2).output
    assert not list(folder.iterdir())
