"""The suite's own parts: payloads, figures, what is stored and written. Nothing is measured."""

from __future__ import annotations

import socket

import pytest
from attrs import evolve

from tests.benchmarks import payloads, storing
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
from tests.benchmarks.receiving import Arrivals, recipient
from tests.benchmarks.report import markdown
from tests.benchmarks.scenario import Context, Options


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
