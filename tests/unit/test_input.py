"""What is given to an application: each mistake ends in an error of ours that names it."""

from __future__ import annotations

import asyncio
import enum
import json
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncevents_core import AsyncEvents, PublishRequest
from asyncevents_core.errors import (
    EventConflict,
    InvalidPayload,
    NotFound,
    PayloadTooLarge,
    UnknownEvent,
)


class Name(enum.StrEnum):
    CREATED = "example.created"
    TENANT = "acme"
    MINE = "mine-1"


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("input")
    values = {"LEDGER_URL": f"sqlite:///{folder}/ledger.db", "EVENTS": {"example.created": {}}}
    with AsyncEvents(values) as made:
        made.upgrade()
        yield made


def published(events, event_id):
    return events.runtime.ledger.read(lambda view: view.events.get(event_id))


NO_TEXT = [5, 1.5, True, b"bytes", ("a",), ["a"], {}, UUID(int=1), object()]


@pytest.mark.parametrize("wrong", [*NO_TEXT, None, "", "x" * 300, "a\x00b", "\ud800"])
def test_names(events, wrong):
    with pytest.raises(InvalidPayload, match=r"^name must"):
        events.publish(wrong, {})


def test_a_name_that_nobody_defined(events):
    with pytest.raises(UnknownEvent, match=r"did you mean 'example\.created'"):
        events.publish("example.craeted", {})


@pytest.mark.parametrize("argument", ["tenant", "event_id"])
@pytest.mark.parametrize(
    "wrong", [*NO_TEXT, "", " a", "a ", "x" * 256, "a\x00b", "a\tb", "\x1b[31m", "\ud800", "a\n"]
)
def test_tenants_and_event_ids(events, argument, wrong):
    with pytest.raises(InvalidPayload, match=rf"^example\.created: {argument} must"):
        events.publish("example.created", {}, **{argument: wrong})


def test_texts_of_a_subclass_are_taken_as_the_texts_they_are(events):
    made = events.publish(Name.CREATED, {}, tenant=Name.TENANT, event_id=Name.MINE)
    found = published(events, made)
    kept = (found.name, found.tenant, found.external_id)
    assert kept == ("example.created", "acme", "mine-1")
    assert events.publish("example.created", {}, tenant="acme", event_id="mine-1") == made


@pytest.mark.parametrize(
    "wrong", ["ab", b"ab", 5, None, {"a": 1, "b": 2}, {"a", "b"}, ("a",), ("a", {}, "acme"), []]
)
def test_what_is_no_request(events, wrong):
    with pytest.raises(TypeError, match="a request is a pair"):
        events.publish_many([("example.created", {}), wrong])
    with pytest.raises(TypeError, match="a request is a pair"):
        asyncio.run(events.apublish_many([wrong]))


def test_apublish_raises_the_same(events):
    with pytest.raises(InvalidPayload, match=r"data\[1\]: keys must be texts"):
        asyncio.run(events.apublish("example.created", {1: "a", "1": "b"}))


def test_one_mistake_refuses_all(events):
    before = events.runtime.ledger.read(
        lambda view: list(view.events.page(name=None, limit=1, before=None))
    )
    with pytest.raises(InvalidPayload, match="event_id must"):
        events.publish_many(
            [
                ("example.created", {}),
                PublishRequest(name="example.created", data={}, event_id="\x00"),
            ]
        )
    after = events.runtime.ledger.read(
        lambda view: list(view.events.page(name=None, limit=1, before=None))
    )
    assert after == before


@pytest.mark.parametrize("wrong", ["text", str(UUID(int=1)), 5, None, b"0" * 16])
def test_traces_of_what_is_no_id(events, wrong):
    with pytest.raises(TypeError, match="traces takes the id that publish"):
        events.traces(wrong)


@pytest.mark.parametrize("wrong", ["1", 1.0, None, True, UUID(int=1)])
def test_a_subscription_by_what_is_no_id(events, wrong):
    with pytest.raises(TypeError, match="change_subscription takes the id of a subscription"):
        events.change_subscription(wrong, lambda old: old)


@pytest.mark.parametrize("missing", [-1, 0, 1, 2**63 - 1, 2**63, pytest.param(10**5000, id="huge")])
def test_a_subscription_that_cannot_be(events, missing):
    with pytest.raises(NotFound, match="no subscription"):
        events.change_subscription(missing, lambda old: old)


# A conflict: the strategies make the same id twice.
DOCUMENTED = (InvalidPayload, UnknownEvent, PayloadTooLarge, EventConflict)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
ANYTHING = st.none() | ANY_TEXT | st.integers() | st.binary(max_size=3) | st.floats()
DATA = st.recursive(
    ANYTHING,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(ANY_TEXT | st.integers(), inner, max_size=3)
        | st.sets(ANYTHING, max_size=3)
    ),
    max_leaves=6,
)


def plain(value):
    if isinstance(value, set):
        return sorted(value, key=lambda one: json.dumps(one, ensure_ascii=False).encode())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


@settings(deadline=None)
@given(
    name=st.just("example.created") | ANYTHING,
    data=DATA,
    tenant=st.none() | st.text(min_size=1, max_size=4) | ANYTHING,
    event_id=st.none() | st.text(min_size=1, max_size=4) | ANYTHING,
)
def test_it_is_published_or_refused(events, name, data, tenant, event_id):
    try:
        made = events.publish(name, data, tenant=tenant, event_id=event_id)
    except DOCUMENTED:
        return
    found = published(events, made)
    assert (found.name, found.tenant, found.external_id) == (name, tenant, event_id)
    assert json.dumps(json.loads(found.published)) == json.dumps(plain(data))
