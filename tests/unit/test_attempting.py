"""One attempt: whatever a sink does becomes an outcome."""

from __future__ import annotations

import asyncio

import pytest
from attrs import fields

from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.engine.delivering.sinks import attempt
from asyncevents_core.ports.sink import Sink
from asyncevents_core.testing import make_request


class Doing(Sink):
    """Does what it is told."""

    def __init__(self, deed):
        self._deed = deed

    async def deliver(self, request, deadline):
        return await self._deed()


async def outcome_of(deed):
    return await attempt(Doing(deed), make_request(target="x"), 5.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"detail": None},
        {"detail": b"HTTP 503"},
        {"response": b"no"},
        {"http_status": "503"},
        {"http_status": 2**31},
        {"retry_after": "30"},
        {"retry_after": float("nan")},
        {"timed_out": "yes"},
    ],
)
async def test_an_outcome_with_a_value_of_the_wrong_type_is_a_bug_of_the_sink(wrong):
    async def deed():
        return Outcome.retryable(**{"detail": "HTTP 503", **wrong})

    outcome = await outcome_of(deed)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("bug in sink Doing: ")
    assert next(iter(wrong)) in outcome.detail


@pytest.mark.parametrize("name", [one.name for one in fields(Outcome)])
def test_each_value_of_an_outcome_has_its_type(name):
    with pytest.raises(TypeError, match=f"^{name} of an outcome must be "):
        Outcome(**{"kind": OutcomeKind.DELIVERED, name: object()})


async def test_what_is_wrong_with_an_outcome_is_said_in_one_line():
    async def deed():
        return Outcome.retryable("HTTP 503", retry_after="30")

    assert (await outcome_of(deed)).detail == (
        "bug in sink Doing: TypeError: retry_after of an outcome must be int or float or None: '30'"
    )


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit])
async def test_a_sink_that_cancels_itself_or_exits_has_a_bug(error):
    async def deed():
        raise error("enough")

    outcome = await outcome_of(deed)
    assert outcome.detail == f"bug in sink Doing: {error.__name__}: enough"


async def test_an_attempt_that_is_cancelled_ends_without_an_outcome():
    begun = asyncio.Event()

    async def deed():
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.ensure_future(outcome_of(deed))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
