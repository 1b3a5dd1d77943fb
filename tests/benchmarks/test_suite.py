"""The suite's own parts: payloads, figures, what is stored and written. Nothing is measured."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest
from attrs import evolve

from asyncevents_core.engine.upkeep.cleanup import clean_up
from asyncevents_http.signing import HmacSigner
from tests.benchmarks import history, payloads, reading, storing
from tests.benchmarks.constants import EVENT, SECRET
from tests.benchmarks.driving import Run
from tests.benchmarks.figures import (
    Bar,
    Columns,
    Figure,
    Findings,
    Lines,
    Report,
    Result,
    cumulative,
    percentile,
    ratio,
)
from tests.benchmarks.payloads import real, small
from tests.benchmarks.peers.base import Peer
from tests.benchmarks.peers.comparing import compare
from tests.benchmarks.peers.request import signed, signing_key
from tests.benchmarks.peers.trials import trial_note, tried
from tests.benchmarks.processes import Held, Reading, proportional_bytes
from tests.benchmarks.receiving import Arrivals, recipient
from tests.benchmarks.report import markdown
from tests.benchmarks.sampling import sampled
from tests.benchmarks.scenario import Context, Options
from tests.benchmarks.scenarios.cleaning import Cleaned
from tests.benchmarks.scenarios.snapshot import tenths
from tests.integration.project import Project, eventually


@pytest.fixture
def report():
    found = Findings(
        figures=[Figure(name="a | b", unit="deliveries/s", values=[3, 1, 2])],
        bars=[
            Bar(text="reached", value=4.2, limit=4),
            Bar(text="slow", value=70, limit=60, unit="ms", at_most=True),
            Bar(text="wished for", value=0.8, limit=0.9, aim=True),
        ],
        notes={"Celery": "threads"},
        columns=[Columns(name="c", title="C", unit="x", groups={"g": {"n": (1.0, 2.0)}})],
        lines=[Lines(name="l", title="L", x="x", y="y", lines={"n": ((0.0, 1.0), (1.0, 2.0))})],
    )
    good = Result(name="one", title="One", measures="M.", at="now", seconds=1.0, findings=found)
    bad = Result(name="two", title="Two", measures="N.", at="now", seconds=1.0, error="a\nb")
    return Report(
        machine={"cores": "2"}, versions={"Python": "3"}, options={"seed": 1}, results=(good, bad)
    )


def test_what_is_stored_is_read_again(report, tmp_path):
    storing.store(report, tmp_path)
    found = storing.read(tmp_path)
    assert markdown(found) == markdown(report)
    assert found.results[0].findings.columns[0].groups == {"g": {"n": (1.0, 2.0)}}


def test_earlier_results_are_kept_unless_measured_again(report):
    one, two = report.results
    again = evolve(two, error="c")
    merged = storing.merged(report, evolve(report, results=(again,)))
    assert [result.error for result in merged.results] == [None, "c"]
    assert merged.results[0] is one


def test_the_markdown_says_which_bars_are_met_and_what_failed(report):
    text = markdown(report)
    assert "| One | reached | 4.2 × | ≥ 4 × | met |" in text
    assert "| One | slow | 70 ms | ≤ 60 ms | **missed** |" in text
    assert "| One | wished for | 0.8 × | ≥ 0.9 × | aim not reached |" in text
    assert "| a \\| b | 2 | 1 to 3 | deliveries/s |" in text
    assert "![C](c.svg)" in text
    assert "![L](l.svg)" in text
    assert "It failed:\n\n```\na\nb\n```" in text


def test_ratios_percentiles_and_rates():
    fast, slow = (Figure(name="", unit="", values=values) for values in ([9, 8, 1], [2, 4, 4]))
    assert ratio(fast, slow) == 2
    assert percentile(range(100), 0.99) == 99
    assert cumulative([3, 1, 2], points=2) == ((1, 0.0), (2, 0.5), (3, 1.0))
    # Ten a second, but for a slow start.
    arrivals = Arrivals(times=[0.0, *(10 + number / 10 for number in range(100))])
    assert arrivals.steady_rate == pytest.approx(10)
    assert arrivals.rate < 6


class FakePeer(Peer):
    """Delivers at a rate, and notes its jobs."""

    def __init__(self, name, rate, *, slow=False):
        self.name, self.rate, self.slow, self.jobs = name, rate, slow, []

    def run(self, job):
        self.jobs.append(job)
        arrivals = Arrivals(times=[number / self.rate for number in range(100)])
        first, last = (
            Reading(at=at, arrived=arrived, cpu={"workers": at}, busy=at)
            for at, arrived in ((0.0, 0), (1.0, 100))
        )
        return Run(arrivals=arrivals, first=first, last=last)


def test_each_way_to_run_a_peer_is_tried_once_and_the_best_comes_first():
    context = Context(options=Options(events=10_000), services=None)
    ways = {"a": FakePeer("a", 10.0), "b": FakePeer("b", 30.0), "c": FakePeer("c", 20.0)}
    for _ in range(2):
        assert list(tried(context, "x", ways)) == ["b", "c", "a"]
    assert [len(peer.jobs) for peer in ways.values()] == [1, 1, 1]
    assert ways["a"].jobs[0].events == 2_000
    assert trial_note(tried(context, "x", ways)) == "tried: b: 30/s; c: 20/s; a: 10/s"


def test_slow_peers_get_a_quarter_of_the_events():
    context = Context(options=Options(events=10_000, rounds=1), services=None)
    fast, slow = FakePeer("fast", 10.0), FakePeer("slow", 1.0, slow=True)
    compare(context, [fast, slow], context.small)
    assert [peer.jobs[0].events for peer in (fast, slow)] == [10_000, 2_500]


def test_peers_sign_as_the_project_does():
    some = {"delivery_id": "d", "event_id": "e", "name": EVENT, "data": "{}"}
    body, headers = signed(signing_key(), source="/x", now=123, **some)
    assert headers["webhook-signature"] == HmacSigner(SECRET).sign("e", 123, body)
    assert json.loads(body)["type"] == EVENT


def test_memory_is_that_of_all_processes_below_and_what_is_shared_counts_once():
    holding = "import os, sys; held = b'x' * 40_000_000; os.fork()"
    waiting = "print(1, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", f"{holding}; {waiting}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        sizes = proportional_bytes(process.pid)
        process.communicate(b"")
    assert len(sizes) == 2
    assert 40e6 < sum(sizes) < 75e6
    assert proportional_bytes(process.pid) == []


def test_what_is_sampled_grows_until_the_block_ends_and_its_errors_come_out():
    numbers = iter(range(1000))
    with sampled(lambda: next(numbers), every=0.001) as found:
        eventually(lambda: len(found) > 3, what="samples")
    assert found == list(range(len(found)))
    with pytest.raises(ZeroDivisionError), sampled(lambda: 1 / 0, every=60):
        pass


def test_the_footprint_is_that_of_the_moment_when_all_hold_most():
    held = Held.largest([[90_000_000, 1_000_000], [50_000_000, 50_000_000]])
    assert held.total == 100
    assert str(held) == "50 + 50"


def test_the_rate_of_each_tenth_counts_from_the_first_arrival():
    times = [100 + number / 10 for number in range(100)]
    assert tenths(times, 10) == [10] * 10
    # What comes later is none of it.
    assert tenths([*times, 111.0, 200.0], 10) == [10] * 10
    assert tenths(times, 20) == [10] * 5 + [0] * 5


def test_a_clean_up_that_becomes_faster_depended_on_how_much_there_was():
    cleaned = Cleaned(left=((0.0, 100), (3.0, 70), (6.0, 50), (7.0, 20), (8.0, 0)), cpu=1.0)
    assert cleaned.rate == 100 / 8
    assert cleaned.slowing == 6 / 2


def test_a_history_on_sqlite_is_what_a_ledger_reads(tmp_path):
    project = Project(folder=tmp_path, settings={"EVENTS": {EVENT: {}, "other": {}}})
    with project.events() as events:
        events.upgrade()
        loaded = history.load(
            project.settings["LEDGER_URL"],
            name=EVENT,
            payloads=small(1),
            subscriptions=reading.subscribe(project)[:2],
            attempts=500,
            seed=1,
            progress=lambda _: None,
            ago=31 * 24 * history.HOUR,
        )
        found = events.runtime.ledger.read(lambda view: view.traces.of_delivery(loaded.sample[0]))
        assert len(found.attempts) == 2
        assert json.loads(found.event.body)["type"] == EVENT
        cleaned = clean_up(events.runtime.ledger, days=30, indexed=False, rest=lambda _: None)
    assert cleaned.events == loaded.events
    assert cleaned.rows == loaded.events + loaded.deliveries + loaded.attempts


@pytest.mark.parametrize("corpus", [True, False])
def test_payloads_are_of_the_sizes_that_are_promised_and_the_same_each_time(corpus, monkeypatch):
    if not corpus:
        monkeypatch.setattr(payloads, "CORPUS", payloads.CORPUS / "absent")
    assert {len(text) for text in small(1).texts} == {300}
    sizes = sorted(len(text) for text in real(1).texts)
    assert 6_000 < percentile(sizes, 0.5) < 10_000
    assert sizes[-1] <= 29_000
    assert real(1).texts == real(1).texts != real(2).texts
    assert small(1).some(0, 500)[200] == small(1).data[200 % len(small(1).data)]


def test_all_are_measured_in_each_round_each_being_first_in_turn():
    order = []
    context = Context(options=Options(rounds=2), services=None)
    found = context.in_turn({name: lambda name=name: order.append(name) for name in "ab"})
    assert order == ["a", "b", "b", "a"]
    assert found == {"a": [None, None], "b": [None, None]}


def test_the_recipient_notes_every_request_also_those_in_pieces():
    with recipient() as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = b"POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
            for part in (head[:20], head[20:] + b"he", b"llo" + head + b"hello"):
                connection.sendall(part)
            answers = b""
            while answers.count(b"200 OK") < 2:
                answers += connection.recv(1000)
        assert server.counts() == {"/ok": 2}
        assert len(server.arrivals(["/ok"])) == 2
