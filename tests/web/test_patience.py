"""No request takes for ever, or everything: deadlines, clients that left, a share for each."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest

from asyncevents_core.domain.access import ALL
from asyncevents_core.web import patience, server
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.api.routes import async_events
from tests.integration.project import eventually
from tests.web.serving import serving

LIST = "/async_events"


class Slow:
    """Looks for subscriptions until it is let go, or until nobody waits any more."""

    def __init__(self):
        self.begun = self.given_up = 0
        self.stubborn = False
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def select(self, criteria, columns, rows, check):
        with self._lock:
            self.begun += 1
        try:
            while not self.let_go.wait(0.01):
                if not self.stubborn:
                    check()
        except Exception:
            with self._lock:
                self.given_up += 1
            raise
        return [], 0


@pytest.fixture
def slow(monkeypatch):
    made = Slow()
    monkeypatch.setattr(async_events.selecting, "select", made.select)
    yield made
    made.let_go.set()


@pytest.fixture
def short(tmp_path):
    with serving(tmp_path, WEB_THREADS=4, WEB_REQUEST_TIMEOUT=1.0) as api:
        yield api


@pytest.fixture
def long(tmp_path):
    with serving(tmp_path, WEB_THREADS=4, WEB_REQUEST_TIMEOUT=60.0) as api:
        yield api


def test_a_request_has_a_deadline_and_what_it_began_ends(short, slow):
    answer = short.client("view").get(LIST)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "longer than 1 s (WEB_REQUEST_TIMEOUT)" in answer.json()["detail"]
    eventually(lambda: slow.given_up == 1, what="the thread is free again")


def test_nobody_works_for_a_client_that_left(long, slow):
    client = long.client("view")
    with contextlib.suppress(httpx.ReadTimeout):
        client.get(LIST, timeout=0.5)
    eventually(lambda: slow.given_up == 1, what="the thread is free again")


def test_what_waits_for_a_client_that_left_is_not_begun(long, slow):
    slow.stubborn = True
    with ThreadPoolExecutor(6) as pool:

        def leave(_):
            with contextlib.suppress(httpx.ReadTimeout):
                httpx.get(
                    f"{long.address}/rest/V1{LIST}",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=0.5,
                )

        token = long.token("view")
        list(pool.map(leave, range(6)))
    # Two of four threads are one token's share; whoever waits for them leaves.
    eventually(lambda: long.app.state.backend._pending == 2, what="the others are forgotten")
    slow.let_go.set()
    eventually(lambda: long.app.state.backend._pending == 0, what="the threads are free again")
    assert slow.begun == 2
    assert long.client("view").get("/event_definitions").status_code == 200


def test_one_token_leaves_threads_to_others(long, slow):
    greedy, other = long.token("view"), long.client(ALL)
    headers = {"Authorization": f"Bearer {greedy}"}
    with ThreadPoolExecutor(10) as pool:
        asked = [
            pool.submit(httpx.get, f"{long.address}/rest/V1{LIST}", headers=headers, timeout=60)
            for _ in range(10)
        ]
        eventually(lambda: slow.begun == 2, what="its share is under way")
        for _ in range(3):
            assert other.get("/status").status_code == 200
        assert slow.begun == 2
        slow.let_go.set()
        assert {one.result().status_code for one in asked} == {200}
    assert slow.begun == 10


def test_one_token_may_not_fill_the_queue(tmp_path, slow):
    with serving(tmp_path, WEB_THREADS=2, WEB_REQUEST_TIMEOUT=60.0) as api:
        headers = {"Authorization": f"Bearer {api.token('view')}"}
        other = api.client(ALL)
        with ThreadPoolExecutor(40) as pool:
            asked = [
                pool.submit(httpx.get, f"{api.address}/rest/V1{LIST}", headers=headers, timeout=60)
                for _ in range(36)
            ]
            eventually(lambda: sum(one.done() for one in asked) >= 3, what="some are refused")
            slow.let_go.set()
            statuses = [one.result().status_code for one in asked]
        assert statuses.count(429) == 3
        assert statuses.count(200) == 33
        assert other.get("/status").status_code == 200


def test_a_body_has_to_arrive(short):
    address = short.address.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as connection:
        connection.sendall(
            b"POST /rest/V1/async_event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + short.token("create").encode() + b"\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 1 s" in answer


@pytest.mark.parametrize("sent", [b"", b"GET /rest/V1/status HTTP/1.1\r\nHost:"])
def test_a_head_has_to_arrive(monkeypatch, sent):
    monkeypatch.setattr(server, "_HEADERS_WITHIN", 0.5)

    async def application(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    listening = socket.create_server(("127.0.0.1", 0))
    made = server.uvicorn.Server(
        server.uvicorn.Config(application, http=server._Impatient, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        eventually(lambda: made.started, what="it serves")
        with socket.create_connection(listening.getsockname(), timeout=30) as connection:
            connection.sendall(sent)
            begun = time.monotonic()
            while connection.recv(65_536):
                assert time.monotonic() < begun + 30
    finally:
        made.should_exit = True
        thread.join()
        listening.close()


def test_all_parts_of_a_request_end_together(monkeypatch):
    now = 0.0
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: now))
    scope = {"state": {}}
    patience.patience_of(scope, 5.0, None)  # who asks is looked up
    now = 4.0
    later = patience.patience_of(scope, 5.0, None)
    later.check()
    now = 5.5
    with pytest.raises(Problem, match="WEB_REQUEST_TIMEOUT"):
        later.check()
