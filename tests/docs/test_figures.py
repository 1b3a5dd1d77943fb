"""What several pages say of figures is what was measured, and of settings, what there is."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from asyncevents_core import Settings

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = re.compile(
    r"<!-- figures of (?:explanation/)?performance\.md -->\n(.*?)<!-- end of figures -->", re.DOTALL
)
MEASURED = (DOCS / "explanation/performance.md").read_text()
CRASHES = re.findall(
    r"^\| (RabbitMQ|Redis|SQL) × (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|",
    (DOCS / "explanation/crash-suite.md").read_text(),
    re.MULTILINE,
)
BROKERS = {"RabbitMQ": "RabbitMQ", "Redis": "Redis", "SQL": "no broker: the database"}


@pytest.mark.parametrize(
    "page", ["index.md", "explanation/comparison.md", "explanation/what-to-expect.md"]
)
def test_figures_are_those_that_were_measured(page):
    rows = [
        row
        for table in FIGURES.findall((DOCS / page).read_text())
        for row in re.findall(r"^\| ([^|]+) \|(.+)\|$", table, re.MULTILINE)
    ]
    shown = [value for _, cells in rows for value in re.findall(r"[\d,.]*\d", cells)]
    assert len(shown) >= 5
    assert [value for value in shown if f" {value} " not in MEASURED] == []


@pytest.mark.parametrize("row", CRASHES, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_landing_page_has_what_the_crash_suite_found(row):
    broker, ledger, events, *faults, lost = row
    text = (DOCS / "index.md").read_text()
    heads = re.search(r"^\| \| (PostgreSQL .+) \|$", text, re.MULTILINE)[1].split(" | ")
    cells = re.search(rf"^\| {BROKERS[broker]} \| (.+) \|$", text, re.MULTILINE)[1].split(" | ")
    said = cells[heads.index(ledger)]
    assert said == f"{int(events):,} events, {sum(map(int, faults))} faults, **{lost} lost**"


def test_the_landing_page_says_how_many_pairs_were_looked_at():
    suite = (DOCS / "explanation/crash-suite.md").read_text()
    whole = re.search(r"([\d,]+) pairs of an event", suite)
    assert f"Of {whole[1]} pairs of an event" in (DOCS / "index.md").read_text()


@pytest.mark.parametrize("page", ["security.md", "what-to-expect.md"])
def test_settings_on_the_page_are_settings(page):
    known = {one.name.upper() for one in attrs.fields(Settings)}
    text = (DOCS / "explanation" / page).read_text()
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|EAGER|SINKS)\b", text))
    assert len(named) >= 3
    assert named <= known
