"""The health endpoint: one address, whichever processes are there, and however they end."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asyncevents_core.adapters.prometheus import Tally
from asyncevents_core.errors import SettingsError
from asyncevents_core.health_endpoint import HealthEndpoint, Probe, endpoint, seats
from asyncevents_core.health_endpoint.seats import NoSeat, Seat
from asyncevents_core.ports import metrics
from asyncevents_core.settings.loading import load_settings

WAIT = 30.0


class Saying(Probe):
    """Says what the test wants."""

    def __init__(self, role="worker", not_live=None, not_ready=None):
        self.role = role
        self.live, self.ready = not_live, not_ready

    def not_live(self):
        return self.live

    def not_ready(self):
        return self.ready


@pytest.fixture(autouse=True)
def _folders_of_this_test(tmp_path, monkeypatch):
    # The path of a socket has 107 bytes at most.
    monkeypatch.setattr(seats.tempfile, "gettempdir", lambda: os.fspath(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def start(port):
    started = []

    def make(probe=None, numbers=None, at=None):
        made = HealthEndpoint(
            "127.0.0.1", port if at is None else at, probe=probe or Saying(), numbers=numbers
        )
        made.start()
        started.append(made)
        return made

    yield make
    for one in started:
        one.stop()


def ask(port, path, method="GET"):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)) as asked:
        asked.request(method, path)
        answer = asked.getresponse()
        return answer.status, answer.read().decode()


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_one_process(start, port):
    probe = Saying()
    start(probe)
    assert ask(port, "/livez") == (200, "worker 0: ok\n")
    assert ask(port, "/readyz") == (200, "worker 0: ok\n")
    probe.ready = "it starts"
    assert ask(port, "/livez") == (200, "worker 0: ok\n")
    assert ask(port, "/readyz") == (503, "worker 0: it starts\n")
    probe.live = "the event loop stands still for 12 s"
    assert ask(port, "/livez") == (503, "worker 0: the event loop stands still for 12 s\n")


def test_all_processes_are_answered_for_and_each_can_be_asked_by_its_role(start, port):
    start(Saying())
    start(Saying(not_ready="the ledger does not answer"))
    start(Saying(role="server"))
    assert ask(port, "/livez") == (200, "worker 0: ok\nworker 1: ok\nserver 2: ok\n")
    status, text = ask(port, "/readyz")
    assert status == 503
    assert text.splitlines()[1] == "worker 1: the ledger does not answer"
    assert ask(port, "/readyz?role=server") == (200, "server 2: ok\n")
    assert ask(port, "/readyz?role=nobody") == (503, "no such process\n")


def test_the_address_passes_on_when_its_process_ends(start, port):
    first = start(Saying(role="server"))
    second = start(Saying())
    assert second.address is None
    first.stop()
    until(lambda: second.address is not None)
    assert ask(port, "/livez") == (200, "worker 1: ok\n")


def test_a_successor_gets_the_number_of_its_predecessor(start, port):
    start(Saying())
    middle = start(Saying())
    start(Saying())
    middle.stop()
    start(Saying(role="server"))
    assert ask(port, "/livez")[1].splitlines()[1] == "server 1: ok"


def test_a_process_that_does_not_answer_is_named(start, port, monkeypatch):
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.2)
    start(Saying())
    frozen = Seat(port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(frozen.path))
        silent.listen()
        assert ask(port, "/livez") == (503, "worker 0: ok\nunknown 1: does not answer\n")
    frozen.leave()
    assert ask(port, "/livez") == (200, "worker 0: ok\n")


@pytest.mark.parametrize("said", [b"", b"nonsense", b"HTTP/1.1 200 OK\r\n\r\n{}", b"\0" * 100_000])
def test_one_that_answers_nonsense_is_named(start, port, said):
    start(Saying())
    strange = Seat(port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(strange.path))
        listening.listen()

        def answer():
            with contextlib.suppress(OSError):
                caller, _ = listening.accept()
                with caller:
                    caller.recv(1000)
                    caller.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask(port, "/livez") == (503, "worker 0: ok\nunknown 1: does not answer\n")
        thread.join()
    strange.leave()


def test_numbers_of_all_processes_in_one_text(start, port):
    tallies = [Tally(), Tally()]
    for count, tally in enumerate(tallies, start=1):
        tally.add(metrics.CLAIMED, count)
        start(Saying(), tally.numbers)
    start(Saying(role="server"))
    status, text = ask(port, "/metrics")
    (family,) = text_string_to_metric_families(text)
    found = {(one.labels["role"], one.labels["process"]): one.value for one in family.samples}
    assert (status, found) == (200, {("worker", "0"): 1, ("worker", "1"): 2})


def test_without_numbers_it_says_what_to_do(start, port):
    start(Saying())
    status, text = ask(port, "/metrics")
    assert status == 404
    assert 'METRICS = "prometheus"' in text


def test_other_paths_and_methods(start, port):
    start(Saying())
    assert ask(port, "/") == (404, "there are /livez, /readyz and /metrics\n")
    # What processes tell each other is not told at the address.
    assert ask(port, "/report")[0] == 404
    assert ask(port, "/livez", "HEAD") == (200, "")
    assert ask(port, "/livez", "POST")[0] == 501


def test_an_address_that_another_program_has_is_told_once_and_taken_later(start, port, caplog):
    with socket.create_server(("127.0.0.1", port)):
        one = start(Saying())
        until(lambda: caplog.records)
        time.sleep(1.5)
        assert one.address is None
    until(lambda: one.address is not None)
    told = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert told == ["HEALTH_ADDRESS cannot be had; trying again"]


def test_a_folder_that_others_can_write_is_not_trusted(start, port, tmp_path, caplog):
    folder = tmp_path / f"asyncevents-{os.getuid()}-{port}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(NoSeat, match="not this user's alone"):
        Seat(port)
    start(Saying())
    assert ask(port, "/livez") == (200, "worker 0: ok\n")
    assert caplog.records[0].message == "the health endpoint answers for this process only"


def test_a_folder_that_cannot_be_made_leaves_the_process_by_itself(start, port, tmp_path):
    (tmp_path / f"asyncevents-{os.getuid()}-{port}").write_text("a file")
    start(Saying())
    assert ask(port, "/livez") == (200, "worker 0: ok\n")


def test_more_requests_than_there_is_room_for_are_turned_away(start, port, monkeypatch):
    monkeypatch.setattr(endpoint, "_AT_ONCE", 2)
    begun, go_on = threading.Semaphore(0), threading.Event()

    class Slow(Saying):
        def not_live(self):
            begun.release()
            go_on.wait(WAIT)

    start(Slow())
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(port, "/livez"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert begun.acquire(timeout=WAIT)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(port, "/livez")
    go_on.set()
    for thread in threads:
        thread.join()
    assert answers == [(200, "worker 0: ok\n")] * 2
    assert ask(port, "/livez")[0] == 200


def test_one_that_says_nothing_keeps_no_other_waiting(start, port):
    start(Saying())
    with socket.create_connection(("127.0.0.1", port)):
        assert ask(port, "/livez") == (200, "worker 0: ok\n")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:9464", "0.0.0.0:1", "[::1]:9464", "localhost:0"],
)
def test_addresses_that_can_be_set(address):
    made = load_settings({"LEDGER_URL": "sqlite:///a.db", "HEALTH_ADDRESS": address})
    assert made.health_address == address


@pytest.mark.parametrize("address", ["9464", ":9464", "localhost", "a:b", "a:70000", "a:-1", "a:²"])
def test_addresses_that_cannot(address):
    with pytest.raises(SettingsError, match=r"HEALTH_ADDRESS.*127\.0\.0\.1:9464"):
        load_settings({"LEDGER_URL": "sqlite:///a.db", "HEALTH_ADDRESS": address})
