"""The fields of a document are the columns of the log."""

from __future__ import annotations

import attrs
import pytest

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.query.explaining import explained
from asyncevents_core.domain.query.fields import CHOICES, FIELDS, NUMBERS, OTHER_NAMES
from asyncevents_core.domain.query.readings import microseconds
from asyncevents_core.domain.trace import Fate
from asyncevents_core.forms import LogRowForm
from asyncevents_core.ports.indexer import AttemptDocument
from tests.search.documents import DOCUMENTS


def names(kind):
    return {one.name for one in attrs.fields(kind)}


def test_every_column_of_the_log_is_a_field_but_the_one_that_changes_without_an_attempt():
    assert names(LogRowForm) - {"delivery_state"} == {*FIELDS, "event_id"}
    assert names(AttemptDocument) == {*FIELDS, "body"}
    for name in names(LogRowForm) - {"delivery_state"}:
        (line,) = explained(parse_query(f"_exists_:{name}"))
        assert line == f"{name} has a value"


def test_older_names_are_no_names_of_fields():
    assert not set(OTHER_NAMES) & set(FIELDS)


def test_what_texts_can_be_is_what_they_are():
    assert tuple(CHOICES["fate"]) == tuple(Fate)
    assert tuple(CHOICES["outcome"]) == tuple(OutcomeKind)


def test_numbers_are_whole_or_missing():
    found = {type(one.number(name)) for one in DOCUMENTS for name in NUMBERS}
    assert found == {int, type(None)}


@pytest.mark.parametrize("seconds", [0.0, 1e-7, 5e-7, 1.5e-6, 0.1 + 0.2, 0.0123456789, 86400.25])
def test_a_duration_is_found_by_what_the_log_shows_of_it(seconds):
    assert microseconds(seconds) == microseconds(repr(seconds))
    assert abs(microseconds(seconds) - seconds * 1e6) <= 0.5000001


@pytest.mark.parametrize("wrong", ["", "long", "1s", "007", "NaN", "Infinity", float("nan")])
def test_what_is_no_number_of_seconds_is_refused(wrong):
    with pytest.raises(ValueError, match="not a number"):
        microseconds(wrong)
