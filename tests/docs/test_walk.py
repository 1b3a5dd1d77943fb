"""The walk of one event, in the page on architecture: its stops are there, and are few."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/architecture.md"
STOP = re.compile(r"^(\d+)\. \[`[^`]+`\]\(([^)]+)\): `([\w.]+)`(.*)$", re.MULTILINE)
STOPS = STOP.findall(PAGE.read_text())


def defined(path: Path) -> set[str]:
    """Return the classes, functions and methods of a file."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return names


@pytest.mark.parametrize(("number", "link", "name", "rest"), STOPS)
def test_each_stop_is_where_the_page_says(number, link, name, rest):
    path = (PAGE.parent / link).resolve()
    known = defined(path)
    assert name in known
    beside = re.findall(r"`([A-Za-z]\w+)`", rest)
    elsewhere = {"delivered", "Alarm"}
    assert [one for one in beside if one not in known | elsewhere] == []


def test_the_stops_are_counted_right_and_no_file_comes_twice():
    assert [int(number) for number, *_ in STOPS] == list(range(1, len(STOPS) + 1))
    links = [link for _, link, *_ in STOPS]
    assert len(set(links)) == len(links) <= 30
    assert f"These are {len(links)} files" in PAGE.read_text()
