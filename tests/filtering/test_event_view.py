"""What a filter sees of an event, and how often it is read."""

from __future__ import annotations

import json

import pytest

from asyncevents_core.domain.filtering import event_view
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.paths import Path
from asyncevents_core.domain.filtering.reading import read_filters
from asyncevents_core.domain.payload import attributes_of
from asyncevents_core.errors import FilterFailed
from tests.filtering.events import ID, ORDER, body

ATTRIBUTES = {
    "specversion": "1.0",
    "id": str(ID),
    "source": "/shop",
    "type": "sales.order.created",
    "time": "2026-09-21T14:13:20.000000Z",
    "datacontenttype": "application/json",
    "tenant": "de",
}


@pytest.fixture
def reads(monkeypatch):
    """Note what is parsed."""
    texts = []

    class Json:
        dumps = staticmethod(json.dumps)

        @staticmethod
        def loads(text):
            texts.append(bytes(text))
            return json.loads(text)

    monkeypatch.setattr(event_view, "json", Json)
    return texts


def test_attributes_are_those_of_the_event():
    assert EventView(body()).attributes == ATTRIBUTES
    assert "tenant" not in EventView(body(tenant=None)).attributes


@pytest.mark.parametrize(
    "data", [ORDER, None, 5, "text", [], {"x": ', "data": '}, {"a": {"data": 1}, "data": "}"}]
)
def test_the_event_is_whole_whatever_is_asked_for_first(data):
    text = body(data)
    first, second = EventView(text), EventView(text)
    assert first.attributes == ATTRIBUTES
    assert first.event == second.event == json.loads(text) == {**ATTRIBUTES, "data": data}
    assert second.attributes == ATTRIBUTES


@pytest.mark.parametrize("tenant", [', "data": ', '"', "\\", '{"data": 1}, "data": 2'])
def test_attributes_may_hold_what_looks_like_data(tenant):
    view = EventView(body({"a": 1}, tenant=tenant))
    assert view.attributes["tenant"] == tenant
    assert view.event["data"] == {"a": 1}


def test_filters_on_attributes_do_not_read_the_payload(reads):
    view = EventView(body())
    for source in ({"exact": {"tenant": "de"}}, {"sql": "type LIKE 'sales%'"}):
        assert read_filters(source).lets_pass(view)
    assert reads == [attributes_of(body())]


def test_the_payload_is_read_once_for_all_filters(reads):
    view = EventView(body())
    for _ in range(3):
        assert [one.value for one in view.at(Path("data.data.total")).values] == [120]
        assert view.leaves()
        assert view.attributes["tenant"] == "de"
    assert reads == [body()]
    assert view.leaves() is view.leaves()
    assert view.at(Path("data.data.total")) is view.at(Path("data.data.total"))


def test_what_was_read_is_not_read_again(reads):
    view = EventView(body())
    assert view.attributes
    assert view.event["data"] == ORDER
    assert len(reads) == 2
    assert sum(map(len, reads)) < len(body()) + 10


def test_an_event_that_was_parsed_may_have_its_members_in_any_order():
    view = EventView.of({"data": {"a": 1}, "type": "t", "tenant": None, "data_base64": "x"})
    assert view.attributes == {"type": "t"}
    assert [one.value for one in view.at(Path("event_name")).values] == ["t"]
    assert view.at(Path("tenant")).values == []


def test_a_body_without_data_is_read_as_a_whole():
    assert EventView(b'{"type": "t"}').attributes == {"type": "t"}
    assert EventView.of({}).attributes == {}


@pytest.mark.parametrize("text", [b"", b"[]", b'{"data": ', b'{"a": 1, "data": nothing}'])
def test_what_cannot_be_read_fails_again_and_again(text):
    view = EventView(text)
    for _ in range(2):
        with pytest.raises(FilterFailed):
            _ = view.event


def test_values_have_their_paths_and_those_of_the_search():
    leaves = [(path, one.value) for path, one in EventView(body()).leaves()]
    assert leaves[:2] == [("event_name", "sales.order.created"), ("tenant", "de")]
    assert ("data.data.items.sku", "B-2") in leaves
    assert ("data.type", "sales.order.created") in leaves
    default = [one.value for one in EventView(body()).default().values]
    assert sorted(map(str, default)) == sorted(
        str(one) for path, one in leaves if path == "event_name" or path.startswith("data.data.")
    )
