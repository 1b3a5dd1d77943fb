"""`asyncevents demo`, `dev` and `listen`: what people see first."""

from __future__ import annotations

import json
import re
import signal
import threading

import psutil
import pytest

from tests.integration.project import PATIENCE, eventually
from tests.services.ports import free_port


@pytest.fixture
def port():
    return free_port()


class Output:
    """Collects what a process prints, while it runs."""

    def __init__(self, process) -> None:
        self.text = ""
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream) -> None:
        for line in stream:
            self.text += line

    def wait_for(self, pattern: str, *, times: int = 1) -> None:
        try:
            eventually(lambda: len(re.findall(pattern, self.text)) >= times, what=pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}; printed was:\n{self.text}") from None


def test_the_demo_ends_well(project):
    done = project.run("demo", "--events", "20", "--rate", "50", "--exit")
    assert "20 published, 20 received with a valid signature, 20 traced to their end" in done.stdout
    assert "0 invalid signatures" in done.stdout
    assert "all well" in done.stdout
    assert not list(project.folder.glob("*demo*"))


def test_the_demo_prints_json(project):
    done = project.run("demo", "--events", "5", "--rate", "50", "--exit", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({row["event_id"] for row in rows}) == 5
    assert all(row["valid"] for row in rows)
    assert "5 published, 5 received with a valid signature" in done.stderr


def test_a_demo_that_is_stopped_says_so(project):
    process = project.start("demo", "--events", "1000")
    output = Output(process)
    eventually(lambda: connected(process.pid), what="the first delivery")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0, output.text
    output.wait_for("stopped before the end")
    assert "Traceback" not in output.text


def connected(pid):
    return any(one.status == "ESTABLISHED" for one in psutil.Process(pid).net_connections())


def test_dev_delivers_and_starts_anew_when_code_changes(project, port):
    process = project.start("dev", "--port", str(port), ASYNCEVENTS_EVENT_MODULES="shop_events")
    output = Output(process)
    # A mistake is told, and mended by the next change.
    output.wait_for("No module named 'shop_events'")
    output.wait_for("waiting for a .py file to change")
    module = project.folder / "shop_events.py"
    module.write_text('from asyncevents_core import event\n\n@event("a.b")\ndef f(id: int): ...\n')
    output.wait_for(f"a.b → http://127.0.0.1:{port}/a.b")
    output.wait_for("order.created →")
    project.run("publish", "order.created", '{"id": 1}')
    output.wait_for(r"✓ valid 200 order\.created")
    module.write_text(module.read_text() + "# changed\n")
    output.wait_for("starting anew", times=2)
    project.run("publish", "order.created", '{"id": 2}')
    output.wait_for(r"✓ valid 200 order\.created", times=2)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0, output.text
    assert "Traceback" not in output.text


def test_dev_leaves_nothing_behind_when_it_is_killed(project, port):
    process = project.start("dev", "--port", str(port))
    output = Output(process)
    output.wait_for("worker running")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert children
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_ends_quietly_while_it_still_starts(project, port, number):
    process = project.start("dev", "--port", str(port))
    output = Output(process)
    eventually(lambda: psutil.Process(process.pid).children(), what="the process that works")
    (child,) = psutil.Process(process.pid).children()
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0, output.text
    assert not child.is_running()
    assert output.text == ""


def test_listen_fails_first_and_then_shows_valid_signatures(project, port):
    secret = "whsec_c3VwZXJzZWNyZXQ="
    process = project.start("listen", "--port", str(port), "--secret", secret, "--fail-first", "1")
    output = Output(process)
    output.wait_for(str(port))
    target = f"http://127.0.0.1:{port}/x"
    project.run("subscribe", "order.created", target, "--secret", "supersecret")
    project.run("publish", "order.created", '{"id": 1}')
    project.run("worker", "--drain")
    output.wait_for(r"✓ valid 200 order\.created")
    assert "503" in output.text or "500" in output.text
    assert "invalid" not in output.text
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, output.text
    (trace,) = project.rows("trace", project.rows("published")[0]["event_id"])
    assert trace["summary"] == "Delivered with 1 retry"
    text = project.run("trace", trace["uuid"]).stdout
    assert "Delivered with 1 retry" in text
    assert "retryable" in text
    assert target in text
