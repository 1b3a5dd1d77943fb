"""What a type is asked without a delivery does no I/O, and answers the same each time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import pytest
from attrs import evolve

from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.sink import AnySinkType, BatchingSink, DeliveryRequest
from asyncevents_core.testing.conformance.needing import left_out
from asyncevents_core.testing.conformance.sink_base import (
    NewRequest,
    SinkFixtures,
    options_of,
)
from asyncevents_core.testing.conformance.watching import watched_io
from asyncevents_core.testing.driver import close

_AT: Final = 1_790_000_000.0

Question = Callable[[AnySinkType, DeliveryRequest, Any], object]

QUESTIONS: Final[Mapping[str, Question]] = {
    "validate_target": lambda kind, one, config: kind.validate_target(one.target, config),
    "validate_options": lambda kind, one, config: kind.validate_options(
        one.options, one.target, config
    ),
    "prepare": lambda kind, one, config: kind.prepare(one.target, one.options, config),
    "privileges": lambda kind, one, config: kind.privileges(one.options, one.target, config),
    "request_of": lambda kind, one, config: kind.request_of(one, config, at=_AT),
}
"""What a type is asked, by the name of the method."""


class SinkPurityTests(SinkFixtures):
    """`open`, `prepare` and what is checked when subscribing."""

    @pytest.mark.parametrize("name", QUESTIONS)
    def test_a_question_does_no_io(
        self,
        sink_type: AnySinkType,
        config: Any,
        new_request: NewRequest,
        bad_targets: Sequence[str],
        name: str,
    ) -> None:
        request = new_request()
        with watched_io() as done:
            QUESTIONS[name](sink_type, request, config)
            if name == "validate_target":
                for bad in bad_targets:
                    with pytest.raises(AsyncEventsError):
                        sink_type.validate_target(bad, config)
        assert done == [], f"{name} does I/O"

    @pytest.mark.parametrize("name", QUESTIONS)
    def test_a_question_has_the_same_answer_again(
        self,
        sink_type: AnySinkType,
        config: Any,
        new_request: NewRequest,
        options: Mapping[str, object],
        other_options: Mapping[str, object] | None,
        name: str,
    ) -> None:
        before, made = options_of(sink_type, options), options_of(sink_type, options)
        other = new_request(options=other_options or {})
        request = evolve(new_request(), options=made)
        first = QUESTIONS[name](sink_type, request, config)
        at_once = QUESTIONS[name](sink_type, request, config)
        QUESTIONS[name](sink_type, other, config)
        later = QUESTIONS[name](sink_type, request, config)
        for again in (at_once, later):
            assert is_same(first, again), f"{name}: {first!r}, then {again!r}"
        assert is_same(made, before), f"{name} changes the options"

    async def test_opening_does_no_io(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest
    ) -> None:
        threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
        with watched_io() as done:
            sink = sink_type.open(config)
        started = {*(asyncio.all_tasks() - tasks), *(set(threading.enumerate()) - threads)}
        await close(sink)
        assert done == [], "open does I/O: wait for the first delivery"
        assert not started, "open starts threads or tasks: wait for the first delivery"

    async def test_grouping_does_no_io(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest
    ) -> None:
        sink = sink_type.open(config)
        try:
            if not isinstance(sink, BatchingSink):
                left_out("it is no BatchingSink")
                return
            request = new_request()
            with watched_io() as done:
                answers = [(sink.group(request), sink.size(request)) for _ in range(2)]
        finally:
            await close(sink)
        assert done == [], "group or size does I/O"
        assert answers[0] == answers[1]
        assert hash(answers[0][0]) == hash(answers[1][0])

    def test_options_of_one_subscription_are_not_those_of_the_next(
        self, sink_type: AnySinkType, options: Mapping[str, object]
    ) -> None:
        assert is_same(options_of(sink_type, options), options_of(sink_type, options))


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are alike: equal, or of one type with fields that are alike."""
    if one is other or one == other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    fields = _fields(one)
    return fields is not None and all(
        is_same(getattr(one, name), getattr(other, name)) for name in fields
    )


def _fields(value: Any) -> Sequence[str] | None:
    """Return the names of what an object of Python consists of; None for others."""
    if attrs.has(type(value)):
        return [one.name for one in attrs.fields(type(value))]
    return list(vars(value)) if hasattr(value, "__dict__") else None
