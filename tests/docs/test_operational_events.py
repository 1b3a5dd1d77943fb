"""Events about the framework itself are on their page as they are: names, fields, resources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.operational import DEFINITIONS

PAGE = (Path(__file__).parents[2] / "docs/how-to/recipients-that-fail.md").read_text()
ROWS = re.findall(r"^\| `(asyncevents\.[a-z.]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
NAMES = [name for name, _ in ROWS]
CODE = re.compile(r"`([a-z_]+)`")
OF_SUBSCRIPTION = re.search(
    r"^\*subscription\* stands for (.+?)\. Each has `at`", PAGE, re.MULTILINE
)
"""The fields that the table sums up by a word."""


def test_all_are_on_the_page_in_their_order():
    assert [name for name, _ in ROWS] == [one.name for one in DEFINITIONS]


@pytest.mark.parametrize(("one", "row"), list(zip(DEFINITIONS, ROWS, strict=True)), ids=NAMES)
def test_their_fields_are_those_of_the_schema(one, row):
    said = CODE.findall(row[1])
    if row[1].startswith("*subscription*"):
        said += CODE.findall(OF_SUBSCRIPTION[1])
    assert {*said, "at", "left_out"} == set(one.schema["properties"])


def test_the_last_two_are_for_whoever_manages():
    assert [one.resources for one in DEFINITIONS] == [
        *([(Resource.LOGS_LIST,)] * (len(DEFINITIONS) - 2)),
        *([(Resource.MANAGE,)] * 2),
    ]
    assert "`logs.list`, and `manage` for the last two" in PAGE
