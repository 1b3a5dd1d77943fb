"""184 real webhook payloads, from a file to a receiver in another process, all of them traced."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from uuid import UUID

import pytest

from asyncevents_core import NewSubscription
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "github-events.jsonl"


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
def test_every_payload_arrives_signed_and_is_traced(make_project):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    names = sorted({line["event_name"] for line in lines})
    assert (len(lines), len(names)) == (184, 119)
    project = make_project(EVENTS={name: {} for name in names})
    listening = project.start(
        "listen", "--port", "0", "--secret", SECRET, "--count", "184", "--json"
    )
    url = listening.stderr.readline().split()[-1]
    for name in names:
        made = project_subscribe(project, name, url)
        assert made.event_name == name
    worker = project.start("worker", "--log-level", "error")
    done = project.run("publish", "--file", str(CORPUS))
    assert "184 published, 0 refused" in done.stderr
    output, _ = listening.communicate(timeout=PATIENCE)
    assert listening.returncode == 0
    arrived = [json.loads(line) for line in output.splitlines()]
    assert all(one["valid"] and one["status"] == 200 for one in arrived)
    by_id = {one["event_id"]: one for one in arrived}
    assert len(by_id) == 184
    published = project.rows("published", "--limit", "1000")
    with project.events() as events:

        def traced() -> bool:
            counts = events.runtime.ledger.read(lambda view: view.backlog())
            return counts.leased == counts.waiting_due == 0

        eventually(traced, what="all outcomes are written")
        for row in published:
            assert by_id[row["event_id"]]["data"] == row["data"]
            (trace,) = events.traces(UUID(row["event_id"]))
            assert trace.summary == "Delivered"
            assert json.loads(trace.event.body)["data"] == row["data"]
    sent = sorted(json.dumps(line["data"], sort_keys=True) for line in lines)
    assert sent == sorted(json.dumps(one["data"], sort_keys=True) for one in by_id.values())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0


def project_subscribe(project, name: str, url: str):
    with project.events() as events:
        return events.subscribe(
            NewSubscription(event_name=name, sink="http", target=url, secret=SECRET)
        )
