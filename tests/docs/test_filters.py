"""The pages about filters: each filter on them is one, and means what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from asyncevents_core.adapters.filters import Filters
from asyncevents_core.domain.filtering.cesql.functions import FUNCTIONS
from asyncevents_core.domain.filtering.event_view import NO_ATTRIBUTES, EventView
from asyncevents_core.domain.filtering.reading import DIALECTS
from asyncevents_core.domain.filtering.stored import from_text
from asyncevents_core.domain.query.fields import FIELDS, OTHER_NAMES
from asyncevents_core.errors import FilterFailed, InvalidFilter
from tests.filtering.events import event

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference/filters.md").read_text()
HOW_TO = (DOCS / "how-to/filter-what-arrives.md").read_text()
BLOCK = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| .*?\| `([^`]+)` \|$", re.MULTILINE)


def section(page, title):
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def lets_pass(source, view):
    return Filters().compile(source).lets_pass(view)


@pytest.fixture
def described():
    """Return the event that the reference describes."""
    return EventView.of(json.loads(BLOCK.findall(section(REFERENCE, "What a filter sees"))[0]))


@pytest.mark.parametrize("text", ROW.findall(section(HOW_TO, "By what is in the payload")))
def test_queries_of_the_how_to_are_filters(text):
    assert Filters().compile(text)


def test_queries_of_the_how_to_let_pass_what_they_say():
    order = {"total": 120, "country": "DE", "items": [{"sku": "A-1-red"}], "title": "Kettle"}
    found = {
        text: lets_pass(text, event(data=order))
        for text in ROW.findall(section(HOW_TO, "By what is in the payload"))
    }
    assert len(found) == 9
    assert [text for text, passing in found.items() if not passing] == [
        "_exists_:data.voucher",
        "data.placed_at:2026-11",
    ]


@pytest.mark.parametrize("text", BLOCK.findall(HOW_TO))
def test_filters_of_the_how_to_are_filters(text):
    source = from_text(text)
    assert isinstance(source, list)
    assert lets_pass(source, event(type="sales.order.cancelled", tenant="de"))


def test_parts_of_an_event_are_called_as_the_reference_says(described):
    rows = re.findall(
        r"^\| .+ \| (`.+`|no field) \| (`.+`|not seen) \|$",
        section(REFERENCE, "What a filter sees"),
        re.MULTILINE,
    )
    assert len(rows) == 10
    attributes = set()
    for fields, names in rows:
        for field in re.findall("`(.+?)`", fields):
            assert lets_pass(f"_exists_:{field}", described), field
        for name in re.findall("`(.+?)`", names):
            assert lets_pass([{"sql": f"EXISTS {name}"}], described), name
            attributes.add(name)
    assert attributes == described.attributes.keys() == described.event.keys() - NO_ATTRIBUTES


def test_fields_that_are_refused_are_those_of_attempts():
    text = section(REFERENCE, "Queries").partition("are refused**: ")[2].partition(". `status")[0]
    of_attempts = {name for name, field in OTHER_NAMES.items() if field in FIELDS}
    assert (
        set(re.findall("`(.+?)`", text)) == FIELDS.keys() - {"event_name", "tenant"} | of_attempts
    )


def test_dialects_are_those_that_there_are():
    rows = re.findall(r"^\| `(\{.+\})` \|", section(REFERENCE, "CloudEvents filters"), re.MULTILINE)
    assert [re.search(r"\w+", row)[0] for row in rows] == list(DIALECTS)
    for row in rows:
        text = row.replace("FILTER, …", "FILTER").replace("FILTER", '{"exact": {"a": "b"}}')
        assert Filters().compile(from_text(text))


def test_functions_are_those_that_there_are():
    text = section(REFERENCE, "CloudEvents SQL").partition("Keywords")[0]
    assert set(re.findall(r"`([A-Z_]+)\(", text)) == set(FUNCTIONS)


def test_expressions_mean_what_the_reference_says():
    here, there = event(region="eu"), event()
    assert lets_pass({"not": {"sql": "region = 'eu'"}}, there)
    for text in ("region = 'eu'", "NOT (region = 'eu')"):
        with pytest.raises(FilterFailed):
            lets_pass({"sql": text}, there)
    assert lets_pass({"sql": "EXISTS region AND region = 'eu'"}, here)
    assert not lets_pass({"sql": "EXISTS region AND region = 'eu'"}, there)
    assert lets_pass({"sql": "NOT EXISTS tenant OR tenant != 'test'"}, there)
    with pytest.raises(FilterFailed):
        lets_pass({"sql": "NOT type = 'a'"}, there)
    assert not lets_pass({"sql": "TRUE OR TRUE AND FALSE"}, there)


def mistake_of(source):
    with pytest.raises(InvalidFilter) as caught:
        Filters().compile(source)
    return str(caught.value)


def test_mistakes_are_shown_as_they_are_told():
    shown = re.search(r"```text\n(.*?)```", section(REFERENCE, "Mistakes"), re.DOTALL)[1]
    told = [
        mistake_of([{"any": [{"sql": "TRUE"}, {"exact": {"type": 5}}]}]),
        mistake_of([{"sql": "TRUE"}, {"sql": "id = 'a' AND data = 'x'"}]),
        mistake_of("http_status:500"),
    ]
    expected = [line for text in told for line in text.splitlines()]
    for line, real in zip(shown.splitlines(), expected, strict=True):
        assert real.startswith(line.removesuffix("…"))
