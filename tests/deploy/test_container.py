"""The Containerfile: linted, and its steps carried out in their order."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.containerfile import Root, read_stages
from tests.deploy.tools import DEPLOY, run
from tests.integration.inbox import open_inbox
from tests.integration.project import eventually

FILE = DEPLOY / "container/Containerfile"
USER = 10001
SECRET = "a-secret-of-24-bytes-or-more"
SETTINGS = """\
import os

LEDGER_URL = f"sqlite:///{os.environ['STATE']}/ledger.db"
BROKER_URL = f"sqla+sqlite:///{os.environ['STATE']}/broker.db"
SECRET_KEYS = [os.environ["KEY"]]
EVENTS = {"order.created": {}}
SINKS = {"http": {"allow": ["127.0.0.0/8"]}}
INDEXERS = {"embedded": {"path": f"{os.environ['STATE']}/index", "memory_mb": 16}}
"""


def test_the_linter_finds_no_fault() -> None:
    run("hadolint", "--no-color", FILE)


def test_the_linter_would_find_a_slip(tmp_path: Path) -> None:
    copy = tmp_path / "Containerfile"
    copy.write_text(FILE.read_text().replace("WORKDIR /app", "WORKDIR app"))
    assert "DL3000" in run("hadolint", "--no-color", copy, code=1).stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """Return what the steps make."""
    folder = tmp_path_factory.mktemp("container")
    made = Root(
        folder=folder,
        context=DEPLOY.parent,
        python=_python_of_everybody() or sys.executable,
        arguments={"EXTRAS": "search,uvloop", "SINKS": "asyncevents-http asyncevents-amqp"},
    )
    for stage in read_stages(FILE):
        for one in stage:
            made.carry_out(one)
    return made


def test_the_last_stage_has_a_program_and_no_power(root: Root) -> None:
    assert root.user == f"{USER}:{USER}"
    assert json.loads(root.entrypoint) == ["asyncevents"]
    assert json.loads(root.command)[0] == "worker"
    assert root.environment["ASYNCEVENTS_SETTINGS_MODULE"] == "asyncevents_settings"


def test_the_program_is_of_wheels_with_what_was_asked_for(root: Root) -> None:
    environment = root.inside("/opt/asyncevents")
    done = subprocess.run(
        [environment / "bin/asyncevents", "plugins", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{environment}/bin:{os.environ['PATH']}"},
        cwd="/",
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["name"] for one in rows if one["kind"] == "sink"} == {"amqp", "http", "mcp"}
    (packages,) = environment.glob("lib/python3*/site-packages")
    assert (packages / "asyncevents_core/py.typed").exists()
    assert (packages / "tantivy").exists()
    assert not (packages / "litestar").exists()


def test_nobody_delivers_from_a_folder_that_cannot_be_written(
    root: Root, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A user without power, settings that only root may write, state in one folder alone."""
    if _python_of_everybody() is None:
        pytest.skip("only root can become another user, and needs a Python of the system's for it")
    project, state = (tmp_path_factory.mktemp(name) for name in ("project", "state"))
    (project / "asyncevents_settings.py").write_text(SETTINGS)
    os.chown(state, USER, USER)
    for folder in (project, state, root.folder, *root.folder.parents):
        with contextlib.suppress(PermissionError):
            folder.chmod(folder.stat().st_mode | 0o055)
    project.chmod(0o555)
    environment = {
        **root.environment,
        "PATH": f"{root.inside('/opt/asyncevents')}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "STATE": str(state),
        "KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "HOME": "/nonexistent",
    }
    before = sorted(project.rglob("*"))
    with open_inbox(secrets=[SECRET]) as inbox:
        _as_user(environment, "db", "upgrade")
        _as_user(environment, "subscribe", "order.created", inbox.url, "--secret", SECRET)
        _as_user(environment, "publish", "order.created", "{}")
        worker = subprocess.Popen(
            [*json.loads(root.entrypoint), *json.loads(root.command)],
            cwd="/",
            env=environment,
            user=USER,
            group=USER,
            extra_groups=[],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: inbox.accepted, what="the event arrives")
            worker.send_signal(signal.SIGTERM)
            _, errors = worker.communicate(timeout=120)
        finally:
            worker.kill()
    assert worker.returncode == 0, errors
    assert sorted(project.rglob("*")) == before


def _python_of_everybody() -> str | None:
    """Return a Python that a user without power can run, too; None where there is none."""
    if os.geteuid() != 0:
        return None
    needed = "import sys, ensurepip, pip, venv; sys.exit(sys.version_info < (3, 11))"
    for path in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            command = [path, "-c", needed]
            if not subprocess.run(command, user=USER, cwd="/", capture_output=True).returncode:
                return path
    return None


def _as_user(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["asyncevents", *arguments],
        cwd="/",
        env=environment,
        user=USER,
        group=USER,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
