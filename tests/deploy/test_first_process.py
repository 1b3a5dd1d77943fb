"""asyncevents as process 1, as in a container without an `init`: signals, and orphans."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.inbox import SECRET, open_inbox
from tests.integration.project import PATIENCE, Project, eventually, kill_tree
from tests.ledgers import put_ledger

SERVICES = """
def load(id: int) -> dict:
    return {"id": id}
"""
ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(
        folder=tmp_path,
        settings={
            "EVENTS": {"order.created": {"service": "shop_services:load"}},
            "SERVICE_ISOLATION": "process",
            "INDEXER": None,
        },
    )
    (tmp_path / "shop_services.py").write_text(SERVICES)
    put_ledger(tmp_path)
    yield made
    made.end()


@pytest.fixture
def first(project: Project) -> Iterator[Callable[..., psutil.Process]]:
    """Return what starts `asyncevents …` as process 1 of a namespace, and returns it."""
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"]).returncode:
        pytest.skip("no namespace for processes can be had here: that takes root, and unshare")
    started: list[subprocess.Popen[Any]] = []

    def start(*arguments: str) -> psutil.Process:
        with open(project.folder / "log", "wb") as log:
            outer = subprocess.Popen(
                [*ALONE, sys.executable, "-m", "asyncevents_core", *arguments],
                cwd=project.folder,
                env=project.environment,
                stderr=log,
                start_new_session=True,
            )
        started.append(outer)
        (inner,) = eventually(psutil.Process(outer.pid).children, what="a process in a namespace")
        return inner

    yield start
    for one in started:
        kill_tree(one)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_signal_ends_it_and_no_orphan_stays(
    project: Project, first: Callable[..., psutil.Process], processes: str
) -> None:
    with open_inbox(secrets=[SECRET]) as inbox:
        project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
        init = first("worker", "--consumers", "trigger,retry", "--processes", processes)
        project.run("publish", "order.created", '{"id": 1}')
        eventually(lambda: len(inbox.accepted) == 1, what="the first event arrives")
        if processes != "1":
            worker = eventually(lambda: with_children(init), what="a worker with its own processes")
            below = [one.pid for one in worker.children(recursive=True)]
            worker.kill()
            eventually(
                lambda: not any(psutil.pid_exists(pid) for pid in [worker.pid, *below]),
                what="none of the killed worker's stays, as a zombie neither",
            )
            project.run("publish", "order.created", '{"id": 2}')
            eventually(lambda: len(inbox.accepted) == 2, what="the second event arrives")
        outer = init.parent()
        assert outer is not None
        init.send_signal(signal.SIGTERM)
        ended, _ = psutil.wait_procs([init], timeout=PATIENCE)
        assert ended, "SIGTERM does not end process 1"
        # unshare passes on how it ended.
        assert os.waitpid(outer.pid, 0)[1] == 0, (project.folder / "log").read_text()[-3000:]


def with_children(init: psutil.Process) -> psutil.Process | None:
    """Return a worker of a supervisor that has processes of its own."""
    return next((one for one in init.children() if one.children()), None)
