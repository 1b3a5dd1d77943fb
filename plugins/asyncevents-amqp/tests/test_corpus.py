"""184 real webhook payloads, through the sink, unchanged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from asyncevents_core.plugin import OutcomeKind
from exchanges import make_request

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
async def test_every_payload_arrives_unchanged(sink, config, broker):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(lines) == 184
    inbox = broker.exchange()
    requests = [
        make_request(config, inbox.target, event_name=one["event_name"], data=one["data"])
        for one in lines
    ]
    outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert sorted(inbox.wait_for(184)) == sorted(one.body for one in requests)
