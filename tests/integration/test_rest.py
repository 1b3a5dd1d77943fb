"""`asyncevents serve` as users run it, on every database, with curl and a worker beside it."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from attrs import define

from tests.integration.project import PATIENCE, Project, eventually

CURL_HTTP = """\
curl --silent --show-error --request POST '{address}/rest/V1/async_event' \
--header 'Authorization: Bearer {token}' \
--header 'Content-Type: application/json' \
--data-raw '{{"asyncEvent": {{"event_name": "sales.order.created", \
"recipient_url": "https://example.com/order_created", \
"verification_token": "supersecret", "metadata": "http"}}}}'
"""
CURL_EVENTBRIDGE = """\
curl --silent --show-error --request POST '{address}/rest/V1/async_event' \
--header 'Authorization: Bearer {token}' \
--header 'Content-Type: application/json' \
--data-raw '{{"asyncEvent": {{"event_name": "sales.order.created", \
"recipient_url": "arn:aws:events:ap-southeast-2:ACCOUNT_ID:rule/BUS_NAME", \
"verification_token": "supersecret", "metadata": "eventbridge"}}}}'
"""
DEAD = "http://127.0.0.1:9/nobody-listens"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It knows no authorities, which take longer to read than most requests to answer."""


@define
class Served:
    project: Project
    address: str
    token: str
    process: subprocess.Popen[str]
    lines: list[str]

    def curl(self, command: str) -> dict[str, Any]:
        text = command.format(address=self.address, token=self.token)
        done = subprocess.run(
            ["sh", "-c", text], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        return json.loads(done.stdout)

    def ask(self, method: str, path: str, code: int = 200, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.address}/rest/V1{path}"
        answer = httpx.request(
            method, url, headers=headers, timeout=PATIENCE, verify=NO_TLS, **more
        )
        assert answer.status_code == code, answer.text
        return answer.json()


@pytest.fixture(params=["sqlite", "PostgreSql", "MariaDb"])
def database(request, start_server: Callable[[str], Any]) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return {"LEDGER_URL": start_server(request.param).new_ledger()}


@pytest.fixture
def served(make_project: Callable[..., Project], database: dict[str, str]) -> Served:
    project = make_project(EVENTS={"sales.order.created": {}}, WEB_RATE_LIMIT=0, **database)
    token = project.rows("token", "create", "shop", "--resource", "manage")[0]["token"]
    return start(project, token)


def start(project: Project, token: str) -> Served:
    process = project.start("serve", "--port", "0", "--log-format", "json")
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert first["message"] == "serving"
    lines: list[str] = []
    # Read on, or the server waits for room in the pipe.
    threading.Thread(target=lambda: lines.extend(process.stderr or []), daemon=True).start()
    return Served(
        project=project,
        address=f"http://127.0.0.1:{first['port']}",
        token=token,
        process=process,
        lines=lines,
    )


def test_the_originals_curl_commands(served):
    made = served.curl(CURL_HTTP)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", made.pop("subscribed_at"))
    assert made == {
        "subscription_id": 1,
        "event_name": "sales.order.created",
        "recipient_url": "https://example.com/order_created",
        "status": True,
        "modified": None,
        "store_id": 0,
        "metadata": "http",
    }
    other = served.curl(CURL_EVENTBRIDGE)
    installed = {one["name"] for one in served.ask("GET", "/sinks")["items"]}
    if "eventbridge" in installed:
        assert (other["subscription_id"], other["metadata"]) == (2, "eventbridge")
    else:
        assert other["status"] == 400
        assert "pip install asyncevents-aws" in other["message"]


def test_from_the_subscription_to_the_replay(served, inbox):
    body = {
        "event_name": "sales.order.created",
        "recipient_url": inbox.url,
        "verification_token": "supersecret",
    }
    number = served.ask("POST", "/async_event", json={"asyncEvent": body})["subscription_id"]

    def trace_of(uuid):
        (found,) = served.ask("GET", f"/traces/{uuid}")["items"]
        return found

    served.project.start("worker")
    served.project.run("publish", "sales.order.created", '{"id": 42}')

    log = eventually(lambda: served.ask("GET", "/logs")["items"], what="a row of the log")
    assert (log[0]["subscription_id"], log[0]["success"]) == (number, True)
    assert len(inbox.accepted) == 1
    test = served.ask("POST", f"/async_event/{number}/test", code=202, json={"data": {"x": 1}})
    eventually(
        lambda: trace_of(test["uuid"])["delivery_state"] == "delivered",
        what="the test event",
    )

    served.ask("PATCH", "/configuration", json={"MAXIMUM_DEATHS": 0})
    served.ask("PATCH", f"/async_event/{number}", json={"target": DEAD})

    def dies_at_once():
        uuid = served.ask("POST", f"/async_event/{number}/test", code=202, json={})["uuid"]
        trace = eventually(
            lambda: [
                one
                for one in served.ask("GET", f"/traces/{uuid}")["items"]
                if one["delivery_state"] == "dead" or one["attempts"]
            ],
            what="an attempt",
        )
        return trace[0]["delivery_state"] == "dead"

    eventually(dies_at_once, what="the worker hears of the new maximum")
    served.ask("PATCH", f"/async_event/{number}", json={"target": inbox.url})
    dead = [one["uuid"] for one in served.ask("GET", "/dead_letters")["items"]]
    started = served.ask("POST", "/replays", code=202, json={"rate": 1000})
    done = eventually(
        lambda: [
            one
            for one in [served.ask("GET", f"/replays/{started['uuid']}")]
            if one["state"] == "done"
        ],
        what="the replay",
    )
    # What died between the two requests is replayed, too.
    assert done[0]["made"] == started["total"] >= len(dead)

    def arrived(uuid):
        (replay,) = trace_of(uuid)["replays"]
        return trace_of(replay)["delivery_state"] == "delivered"

    eventually(lambda: all(arrived(one) for one in dead), what="what was replayed")
    assert served.ask("GET", "/status")["workers"]


def test_a_replay_goes_on_in_the_next_process(served):
    body = {"event_name": "sales.order.created", "recipient_url": DEAD}
    served.ask("POST", "/async_event", json={"asyncEvent": {**body, "maximum_deaths": 0}})
    for _ in range(8):
        served.project.run("publish", "sales.order.created", "{}")
    served.project.run("worker", "--drain")
    started = served.ask("POST", "/replays", code=202, json={"rate": 1})
    assert started["total"] == 8
    path = f"/replays/{started['uuid']}"
    eventually(lambda: served.ask("GET", path)["made"] > 0, what="the first step")
    served.process.send_signal(signal.SIGTERM)
    served.process.wait(PATIENCE)
    again = start(served.project, served.token)
    assert again.ask("GET", path)["made"] < 8
    done = eventually(
        lambda: [one for one in [again.ask("GET", path)] if one["state"] == "done"],
        what="the rest of the replay",
    )
    assert (done[0]["made"], done[0]["seen"]) == (8, 8)


def test_sigterm_ends_it(served):
    served.ask("GET", "/async_events")
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 0
    eventually(lambda: len(served.lines) > 1, what="the end of the log")
    requests = [json.loads(line) for line in served.lines]
    assert "/rest/V1/async_events" in [one.get("path") for one in requests]
    assert not [line for line in served.lines if served.token in line]


def test_a_second_ctrl_c_ends_it_at_once(served):
    port = int(served.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        # A request whose body never comes: it is under way until the grace is over.
        client.sendall(
            b"POST /rest/V1/async_event HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            b"Authorization: Bearer " + served.token.encode() + b"\r\n\r\n{"
        )
        served.ask("GET", "/async_events")
        served.process.send_signal(signal.SIGINT)
        eventually(lambda: any('"stopping"' in one for one in served.lines), what="the first")
        assert served.process.poll() is None
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(PATIENCE) == 0
    eventually(lambda: any("stopped" in one for one in served.lines), what="the end of the log")
    told = [json.loads(line)["message"] for line in served.lines]
    assert [one for one in told if one != "request"] == [
        "stopping",
        "stopping at once: requests under way are cut off",
        "stopped",
    ]
    assert "Traceback" not in "".join(served.lines)
