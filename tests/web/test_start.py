"""What a server refuses to start with: mistakes that each request would run into."""

from __future__ import annotations

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import SettingsError, UnknownName
from asyncevents_core.web import create_app


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"INDEXERS": {"embedded": {"pth": "index"}}}, SettingsError, "did you mean 'path'"),
        ({"INDEXER": "embeded"}, UnknownName, "did you mean 'embedded'"),
    ],
)
def test_a_mistake_about_the_index(tmp_path, more, kind, text):
    settings = {"LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db", "INDEXER": "embedded", **more}
    with AsyncEvents(settings) as events, pytest.raises(kind, match=text):
        create_app(events.runtime)


def test_no_index(tmp_path):
    settings = {"LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db", "INDEXER": None}
    with AsyncEvents(settings) as events:
        assert create_app(events.runtime) is not None
