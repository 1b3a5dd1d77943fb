"""184 real webhook payloads, through each sink, unchanged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from amazon import make_request
from asyncevents_core.plugin import OutcomeKind

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
async def test_every_payload_arrives_unchanged(kind, place, amazon, threaded):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(lines) == 184
    target, bodies = place
    sink = threaded(kind, kind.config_class(**amazon.settings()))
    requests = [
        make_request(kind=kind, target=target, event_name=one["event_name"], data=one["data"])
        for one in lines
    ]
    outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert sorted(bodies()) == sorted(one.body for one in requests)
