"""Probes, numbers and systemd, of real processes: what they say when something is away."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import threading

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

QUICK = {"pool_timeout": 2, "connect_timeout": 2, "lock_timeout": 1, "statement_timeout": 2}


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def ledger(start_server):
    return start_server("PostgreSql")


@pytest.fixture
def project(make_project, port, ledger):
    return make_project(
        LEDGER_URL=ledger.new_database(),
        HEALTH_ADDRESS=f"127.0.0.1:{port}",
        METRICS="prometheus",
        LEDGER_OPTIONS=QUICK,
    )


def ask(port, path):
    """Return status and text; None where nobody listens."""
    try:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as asked:
            asked.request("GET", path)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()
    except OSError:
        return None


def becomes(port, path, status, *words):
    """Wait for an answer with a status and words."""

    def answer():
        found = ask(port, path)
        return found and found[0] == status and all(one in found[1] for one in words)

    eventually(answer, what=f"{path} says {status} {words}")


def numbers(port):
    """Return the sums over all processes, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(ask(port, "/metrics")[1]):
        for one in family.samples:
            labels = {k: v for k, v in one.labels.items() if k not in ("role", "process")}
            key = (one.name, *labels.values())
            found[key] = found.get(key, 0) + one.value
    return found


def test_a_worker_and_its_numbers(project, port, ledger, make_inbox):
    inbox = make_inbox(fail_first=1)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    said = project.run("health", exit_code=1)
    assert "nobody answers at" in said.stderr
    worker = project.start("worker")
    becomes(port, "/readyz", 200, "worker 0: ok")
    assert project.run("health").stdout == "worker 0: ok\n"
    assert project.run("health", "--live", "--role", "server", exit_code=1).stdout == (
        "no such process\n"
    )
    with project.events() as events:
        events.publish_many([("order.created", {"n": n}) for n in range(20)])
    eventually(lambda: len(inbox.accepted) == 20, what="all arrive")
    delivered = ("asyncevents_attempts_total", "http", "delivered", "")
    eventually(lambda: numbers(port).get(delivered) == 20, what="20 are counted")
    found = numbers(port)
    assert found["asyncevents_delivery_duration_seconds_count", "http"] == 20
    refused = ("asyncevents_attempts_total", "http", "retryable")
    failed = sum(number for key, number in found.items() if key[:3] == refused)
    assert failed == inbox.received - 20 >= 1
    eventually(
        lambda: numbers(port).get(("asyncevents_worker_ledger_up",)) == 1, what="it looks at itself"
    )

    ledger.kill()
    becomes(port, "/readyz", 503, "worker 0: the ledger does not answer")
    assert ask(port, "/livez") == (200, "worker 0: ok\n")
    eventually(
        lambda: numbers(port)["asyncevents_worker_ledger_up",] == 0, what="the number says so"
    )
    ledger.start()
    becomes(port, "/readyz", 200, "worker 0: ok")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert ask(port, "/readyz") is None


def test_workers_and_server_answer_at_one_address(project, port):
    supervisor = project.start("worker", "--processes", "2")
    becomes(port, "/readyz", 200, "worker 0: ok", "worker 1: ok", "worker 2: ok")
    server = project.start("serve", "--port", "0")
    becomes(port, "/readyz", 200, "server 3: ok")
    children = psutil.Process(supervisor.pid).children()
    frozen = next(one for one in children if not listens(one, port))
    frozen.suspend()
    try:
        becomes(port, "/livez", 503, "does not answer", "server 3: ok")
    finally:
        frozen.resume()
    becomes(port, "/livez", 200)
    killed = next(one for one in children if listens(one, port))
    killed.kill()
    # Another takes the address, and the one that is started anew its number.
    becomes(port, "/readyz", 200, "worker 0: ok", "worker 1: ok", "worker 2: ok", "server 3: ok")
    assert "4:" not in ask(port, "/readyz")[1]
    for one in (supervisor, server):
        one.terminate()
        assert one.wait(PATIENCE) == 0


def listens(process, port):
    """Tell whether a process has the address."""
    return any(one.laddr.port == port for one in process.net_connections("tcp"))


def test_a_server_whose_ledger_is_silent_says_so_within_a_second(project, port, ledger):
    server = project.start("serve", "--port", "0")
    becomes(port, "/readyz", 200, "server 0: ok")
    ledger.pause()
    try:
        becomes(port, "/readyz", 503, "the ledger does not answer within 0.8 s")
        assert ask(port, "/livez") == (200, "server 0: ok\n")
    finally:
        ledger.resume()
    becomes(port, "/readyz", 200, "server 0: ok")
    server.terminate()
    assert server.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    "command", [["worker"], ["worker", "--processes", "2"], ["serve", "--port", "0"]], ids=" ".join
)
def test_systemd_is_told(make_project, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        address = str(tmp_path / "notify")

        def hear():
            with contextlib.suppress(OSError):
                while said := systemd.recv(100):
                    heard.append(said.decode())

        threading.Thread(target=hear, daemon=True).start()
        process = make_project().start(*command, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000")
        eventually(lambda: heard.count("WATCHDOG=1") >= 3, what="three signs of life")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        systemd.shutdown(socket.SHUT_RD)
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert heard.count("READY=1") == heard.count("STOPPING=1") == 1
