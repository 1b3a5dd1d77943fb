"""Each option is on its page."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from asyncevents_http.config import HttpConfig
from asyncevents_http.options import HttpOptions

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("cls", "page"),
    [
        (HttpConfig, "plugins/asyncevents-http/README.md"),
        (HttpOptions, "docs/reference/http.md"),
    ],
)
def test_each_option_is_in_a_table(cls, page):
    rows = [one.split("|")[1] for one in (ROOT / page).read_text().splitlines() if "|" in one]
    names = {one.name for one in attrs.fields(cls)}
    assert {one for one in names if not any(f"`{one}`" in row for row in rows)} == set()
