"""Counts that stop somewhere say that there are more."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.cli.commands import logs, status
from asyncevents_core.engine.searching.search import SearchPage
from asyncevents_core.forms import StatusForm
from asyncevents_core.ports.ledger.index import COUNTED_UP_TO, IndexBacklog
from asyncevents_core.web.api.schemas.log import found_page
from tests.unit.test_problems import QUIET

BEHIND = IndexBacklog(waiting=COUNTED_UP_TO, oldest=None, set_aside=0, first=None)

PAGE = SearchPage(
    rows=[],
    total=10_000,
    exact=True,
    next=None,
    behind=evolve(BEHIND, waiting=0),
    indexing=True,
    complete=True,
)


@pytest.mark.parametrize(
    ("exact", "said"), [(True, "100,000 attempts"), (False, "more than 100,000 attempts")]
)
def test_how_far_the_index_is_behind(exact, said):
    backlog = evolve(BEHIND, exact=exact)
    found = found_page(evolve(PAGE, behind=backlog)).found
    assert (found.waiting, found.waiting_exact) == (COUNTED_UP_TO, exact)
    assert logs.behind(backlog, complete=True) == f"The index is behind by {said}."
    found = evolve(QUIET, index_waiting=COUNTED_UP_TO, index_exact=exact)
    assert dict(status._told(found, indexer="embedded"))["search index"] == f"{said} not in it yet"
    form = StatusForm.of(found)
    assert (form.index_waiting, form.index_exact) == (COUNTED_UP_TO, exact)


@pytest.mark.parametrize(("exact", "said"), [(True, "10,000"), (False, "more than 10,000")])
def test_how_much_is_found(exact, said):
    page = evolve(PAGE, exact=exact)
    assert (found_page(page).found.total, found_page(page).found.exact) == (10_000, exact)
    assert logs._told(page) == f"{said} found. The index is up to date."
