"""The command line as users run it: processes of their own."""

from __future__ import annotations

import json
import os
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from asyncevents_core.cli import actor
from tests.unit.commandline import Shell


class Recipient(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"the answer")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def recipient():
    with HTTPServer(("127.0.0.1", 0), Recipient) as server:
        server.status = 500
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def project(folder):
    name = f"project_{uuid.uuid4().hex}"
    made = Shell(
        folder,
        ASYNCEVENTS_SETTINGS_MODULE=name,
        ASYNCEVENTS_MAXIMUM_DEATHS="0",
        # Absolute: kombu keeps engines by URL, for all folders of this process.
        ASYNCEVENTS_BROKER_URL=f"sqla+sqlite:///{folder}/broker.db",
    )
    made.near("init", name, "--dev")
    made.near("db", "upgrade")
    return made


def fail(shell, recipient):
    """Publish an event that its recipient refuses for good; return its id."""
    target = f"http://127.0.0.1:{recipient.server_port}/hook"
    recipient.status = 500
    shell.near("subscribe", "example.created", target)
    made = shell.near.id_of("publish", "example.created", '{"id": 1}')
    shell("worker", "--drain")
    return made


@pytest.fixture
def shell(tmp_path):
    return project(tmp_path)


@pytest.fixture(scope="module")
def failed(tmp_path_factory, recipient):
    shell = project(tmp_path_factory.mktemp("failed"))
    event = fail(shell, recipient)
    (row,) = shell.near.rows("dead-letters")
    return shell.near, event, row["uuid"]


# -- after a failure --------------------------------------------------------------------------


def test_dead_letters(failed):
    run, event, delivery = failed
    (row,) = run.rows("dead-letters")
    assert (row["event_name"], row["subscription_id"], row["uuid"]) == (
        "example.created",
        1,
        delivery,
    )
    assert row["target"].endswith("/hook")
    assert (row["reason"], row["summary"]) == ("exhausted", "Dead Lettered")
    assert row["replayed"] is False
    assert delivery in run("dead-letters").stdout
    for chosen in (["--event", "example.created"], ["--reason", "exhausted"], ["--replayed"]):
        assert run.rows("dead-letters", *chosen, "--subscription", "1") == [row]
    for chosen in (["--reason", "poison"], ["--before", delivery], ["--subscription", "2"]):
        assert run.rows("dead-letters", *chosen) == []
    assert event != delivery


def test_logs(failed):
    run, _, delivery = failed
    (row,) = run.rows("logs")
    assert (row["uuid"], row["subscription_id"], row["delivery_state"]) == (delivery, 1, "dead")
    assert (row["http_status"], row["response"]) == (500, "the answer")
    assert delivery in run("logs").stdout
    assert run.rows("logs", "--subscription", "1") == [row]
    assert run.rows("logs", "--subscription", "2") == []
    assert run.rows("logs", "--before", str(row["log_id"])) == []
    meant = ["--event", "example.created", "--failed", "--since", "2026-01-01"]
    assert run.rows("logs", *meant, "--limit", "1") == [row]
    assert f"more: --before {row['log_id']}\n" in run("logs", *meant, "--limit", "1").stderr
    assert "more" not in run("logs", *meant).stderr
    for other in (["--event", "a.b"], ["--delivered"], ["--until", "2026-01-01 12:00:00"]):
        assert run.rows("logs", *other) == []
    (_, line) = run("logs", *meant, "--csv", "-").stdout.splitlines()
    assert delivery in line


def test_a_log_id_to_page_on_from_that_is_not_there_is_named(failed, tmp_path):
    run, _, _ = failed
    kept = tmp_path / "kept.csv"
    kept.write_text("kept")
    run("logs", "--before", "99", "--csv", str(kept), code=1)
    assert kept.read_text() == "kept"
    assert (
        "no attempt 99; it may have been cleaned up" in run("logs", "--before", "99", code=1).stderr
    )


def test_traces_of_a_delivery_and_of_its_event(failed):
    run, event, delivery = failed
    (found,) = run.rows("trace", delivery)
    assert (found["uuid"], found["event_id"], found["delivery_state"]) == (delivery, event, "dead")
    assert [one["http_status"] for one in found["attempts"]] == [500]
    assert found["payload"]["data"] == {"id": 1}
    assert run.rows("trace", event) == [found]
    assert run.rows("trace", str(found["attempts"][0]["log_id"])) == [found]
    assert "no attempt 999: `asyncevents logs` lists them" in run("trace", "999", code=1).stderr
    assert "'x1'" in run("trace", "x1", code=2).stderr
    text = run("trace", event).stdout
    for part in (delivery, event, found["target"], found["summary"], "the answer", '"id": 1'):
        assert part in text


def test_the_event_is_over(failed):
    run, event, _ = failed
    (row,) = run.rows("published")
    assert (row["event_id"], row["state"]) == (event, "fanned_out")
    (found,) = run.rows("status")
    assert (found["dead_letters"], found["events_open"]) == (1, 0)


def test_replays(shell, recipient):
    fail(shell, recipient)
    (dead,) = shell.near.rows("dead-letters")
    recipient.status = 200
    first = shell.near.id_of("replay", dead["uuid"], "--by", "somebody")
    shell("worker", "--drain")
    (found,) = shell.near.rows("trace", first)
    assert (found["delivery_state"], found["replay_of"]) == ("delivered", dead["uuid"])
    assert found["requested_by"] == "cli:somebody"
    assert shell.near.rows("trace", dead["uuid"])[0]["replays"] == [first]
    assert "somebody" in shell.near("trace", first).stdout
    assert shell.near.rows("dead-letters") == []
    assert shell.near.rows("dead-letters", "--replayed") == [{**dead, "replayed": True}]
    assert "yes" in shell.near("dead-letters", "--replayed").stdout
    # Replayed already: no longer meant, unless asked for.
    assert "there are none" in shell.near("replay", "--dead", "--yes").stdout
    shell.near("replay", "--dead", "--replayed", stdin="n\n", code=1)
    again = shell.near("replay", "--dead", "--replayed", "--subscription", "1", stdin="y\n").stdout
    assert "1 replayed, 0 refused" in again
    shell.near("subscriptions", "disable", "1")
    assert "disabled" in shell.near("replay", dead["uuid"], code=1).stderr


def test_a_user_without_a_name_may_replay(monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(actor.getpass, "getuser", nobody)
    assert actor.user_name() == f"uid {os.getuid()}"


# -- as a process -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "consumers", ["event.trigger.consumer", "event.retry.consumer, trigger", "retry,retry"]
)
def test_worker_knows_other_names_of_its_consumers(shell, consumers):
    assert "nothing left to do" in shell("worker", "--drain", "--consumers", consumers).stderr


def test_several_workers_drain(shell, recipient):
    recipient.status = 200
    shell.near("subscribe", "example.created", f"http://127.0.0.1:{recipient.server_port}/")
    made = shell.near.id_of("publish", "example.created", "{}")
    shell("worker", "--drain", "--processes", "2", "--log-format", "json")
    assert [one["delivery_state"] for one in shell.near.rows("trace", made)] == ["delivered"]


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (['{"event_name": "example.created", "data": 1}'] * 2, 0, "2 published, 0 refused"),
        (['{"event_name": "example.created", "data": 1}', "x"], 1, "1 published, 1 refused"),
        ([], 0, "0 published, 0 refused"),
    ],
)
def test_publish_from_a_pipe(shell, lines, code, said):
    done = shell("publish", "--file", "-", stdin="\n".join(lines), code=code)
    assert said in done.stderr
    assert ("line 2: " in done.stderr) is (code == 1)
    assert done.stdout == ""


def test_the_module_is_a_program(tmp_path):
    shell = Shell(tmp_path)
    assert shell("--help").stdout.startswith("Usage: asyncevents ")
    error = shell("published", code=1).stderr
    assert "ASYNCEVENTS_SETTINGS_MODULE is not set" in error
    assert "asyncevents init" in error


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("asyncevents publis", {"publish", "published"}),
        ("asyncevents worker --dra", {"--drain"}),
        ("asyncevents subscriptions en", {"enable", "end-older-secrets"}),
    ],
)
def test_completion_offers(tmp_path, words, offered):
    last = str(len(words.split()) - 1)
    asked = {"_ASYNCEVENTS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": last}
    lines = Shell(tmp_path, **asked)().stdout.splitlines()
    assert {line.partition(",")[2] for line in lines} == offered


# -- a broken plugin --------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path):
    """Install a distribution whose plugin cannot be imported."""
    home = tmp_path / "site"
    information = home / "asyncevents_broken-1.2.3.dist-info"
    information.mkdir(parents=True)
    name = f"broken_{uuid.uuid4().hex}"
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2.3\n")
    (information / "entry_points.txt").write_text(f"[asyncevents]\nbroken = {name}\n")
    (home / f"{name}.py").write_text("raise RuntimeError('on purpose')\n")
    shell = project(tmp_path)
    shell.environ["PYTHONPATH"] = str(home)
    return shell


def test_a_broken_plugin_is_named_and_the_rest_works(broken):
    problem = "plugin 'broken' of broken 1.2.3: cannot be imported"
    done = broken("plugins", "--json", code=1)
    assert problem in done.stderr
    assert "on purpose" in done.stderr
    assert "http" in [json.loads(line)["name"] for line in done.stdout.splitlines()]
    findings = {one["what"]: one for one in broken.rows("check", code=1)}
    assert problem in findings["plugin"]["detail"]
    assert findings["ledger"]["state"] == "ok"
    assert problem in broken("wroker", code=2).stderr
    made = broken.id_of("publish", "example.created", "{}")
    assert [one["event_id"] for one in broken.near.rows("published")] == [made]
    assert "listen" in broken("--help").stdout
