"""Worker processes that are forked: what they share, and what they must not."""

from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest

from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

NOTES_PROCESS = """
import os
with open("imported-by", "a") as file:
    file.write(f"{os.getpid()}\\n")
"""
STARTS_THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=[3600], daemon=True).start()
"""
SETS_ENVIRONMENT = """
import os
os.environ["PSYCOPG_IMPL"] = "python"
"""

PRELOADS = """
from asyncevents_core.plugin import hookimpl
@hookimpl
def asyncevents_preload():
    return ["shared_part"]
"""
MUCH = 20 * 1024
"""kB that two workers have in common at least, of some 35,000."""


@pytest.fixture
def start(project, inbox):
    """Return a function that starts two workers, with more in the settings module."""
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)

    def start(more="", *arguments, **extra):
        with (project.folder / "project_settings.py").open("a") as file:
            file.write(more)
        return project.start(
            "worker", "--processes", "2", "--consumers", "trigger,retry", *arguments, **extra
        )

    return start


def children_of(process, count=2):
    """Return the worker processes, once all have been started."""

    def found():
        children = psutil.Process(process.pid).children()
        return children if len(children) == count else None

    return eventually(found, what=f"{count} processes")


def await_delivery(project, inbox, count):
    project.run("publish", "order.created", "{}")
    eventually(lambda: len(inbox.accepted) == count, what=f"delivery {count}")


def stop(worker):
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, errors
    return errors


def are_forks(worker, children):
    own = psutil.Process(worker.pid).cmdline()
    return all(one.cmdline() == own for one in children)


def sockets_of(pid):
    links = []
    for one in os.listdir(f"/proc/{pid}/fd"):
        links.append(os.readlink(f"/proc/{pid}/fd/{one}"))
    return [one for one in links if one.startswith("socket:")]


def test_workers_are_forked_with_the_application_imported_in_each(project, inbox, start):
    worker = start(NOTES_PROCESS)
    project.await_workers(2)
    children = children_of(worker)
    assert are_forks(worker, children)
    by = [int(one) for one in (project.folder / "imported-by").read_text().split()]
    pids = {one.pid for one in children}
    # The first one is that which looked whether the settings are right, and has ended.
    assert (set(by) - pids, worker.pid in by) == ({by[0]}, False)
    assert pids < set(by)
    assert not psutil.pid_exists(by[0])
    assert min(map(shared_by, pids)) > MUCH
    await_delivery(project, inbox, 1)
    stop(worker)


def shared_by(pid):
    """Return the memory, in kB, that this process has written to before it was forked."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(one.split()[1]) for one in file if one.startswith("Shared_Dirty:"))


def test_what_a_plugin_lets_be_shared_is_imported_before(project, start):
    (project.folder / "preloading.py").write_text(PRELOADS)
    (project.folder / "shared_part.py").write_text(NOTES_PROCESS)
    worker = start("PLUGINS = ['preloading']\n")
    project.await_workers(2)
    # By nobody else: the plugin itself has not imported it.
    assert (project.folder / "imported-by").read_text().split() == [str(worker.pid)]
    stop(worker)


def test_a_forked_worker_has_a_session_and_the_parent_holds_no_connection(project, inbox, start):
    worker = start()
    project.await_workers(2)
    await_delivery(project, inbox, 1)
    children = children_of(worker)
    assert [os.getsid(one.pid) for one in children] == [one.pid for one in children]
    assert sockets_of(worker.pid) == []
    # Whoever holds the other end of a line is the supervisor alone.
    ends = [
        {link for one in os.listdir(f"/proc/{pid}/fd") if (link := link_of(pid, one))}
        for pid in (one.pid for one in children)
    ]
    assert ends[0] & ends[1] == ends_of_output(worker.pid)
    stop(worker)


def link_of(pid, descriptor):
    try:
        link = os.readlink(f"/proc/{pid}/fd/{descriptor}")
    except FileNotFoundError:
        return None
    return link if link.startswith("pipe:") else None


def ends_of_output(pid):
    return {os.readlink(f"/proc/{pid}/fd/{one}") for one in (1, 2)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_forked_worker_that_dies_is_forked_again(project, inbox, start, number):
    worker = start()
    project.await_workers(2)
    first = children_of(worker)
    for one in first:
        one.send_signal(number)
    second = eventually(
        lambda: (
            [one for one in psutil.Process(worker.pid).children() if one.pid not in pids(first)][1:]
            and children_of(worker)
        ),
        what="two others",
    )
    assert are_forks(worker, second)
    await_delivery(project, inbox, 1)
    errors = stop(worker)
    assert errors.count("a worker process died; it is started again") == 2
    assert f"exit={-number}" in errors


def pids(children):
    return {one.pid for one in children}


def test_no_forked_worker_outlives_its_supervisor(project, start):
    worker = start()
    project.await_workers(2)
    children = children_of(worker)
    worker.kill()
    for one in children:
        eventually(lambda one=one: not one.is_running() or gone(one), what=f"{one.pid} has ended")


def gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_forked_workers_drain_and_the_exit_code_is_theirs(project, inbox, start):
    with project.events() as events:
        events.publish_many([("order.created", {"n": n}) for n in range(20)])
    worker = start("", "--drain")
    output, errors = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, output) == (0, "")
    assert len(inbox.accepted) == 20
    assert errors.count("worker stopped") == 2


def test_a_thread_in_the_settings_module_is_no_reason_not_to_fork(project, inbox, start):
    worker = start(STARTS_THREAD)
    project.await_workers(2)
    assert are_forks(worker, children_of(worker))
    await_delivery(project, inbox, 1)
    stop(worker)


def test_where_threads_run_before_nothing_is_forked(project, inbox, start, tmp_path):
    # As those of a profiler, which starts with the interpreter.
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STARTS_THREAD)
    path = os.pathsep.join([str(folder), project.environment["PYTHONPATH"]])
    worker = start("", PYTHONPATH=path)
    project.await_workers(2)
    assert not are_forks(worker, children_of(worker))
    await_delivery(project, inbox, 1)
    errors = stop(worker)
    assert "worker processes share no memory" in errors
    assert "has started threads: 1" in errors


def test_where_the_settings_module_changes_the_environment_nothing_is_forked(project, inbox, start):
    worker = start(SETS_ENVIRONMENT)
    project.await_workers(2)
    assert not are_forks(worker, children_of(worker))
    await_delivery(project, inbox, 1)
    assert "sets PSYCOPG_IMPL in os.environ" in stop(worker)


def test_what_is_wrong_is_told_once(start):
    worker = start("BROKER_URL = 'nonsense://'\n")
    output, errors = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, output) == (1, "")
    assert errors.count("Error: ") == 1
    assert "nonsense" in errors


def test_a_settings_module_that_ends_its_process_ends_the_command_likewise(start):
    worker = start("import os\nos._exit(7)\n")
    _, errors = worker.communicate(timeout=PATIENCE)
    assert (worker.returncode, errors) == (7, "")
