"""Every warning and error that the core logs is explained on the page about messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/troubleshoot.md").read_text()
LEVELS = {"warning", "error", "exception", "critical"}
EXPLAINED = [one.split(" …")[0] for one in re.findall(r"`([^`]+)`", PAGE)]
"""What stands in code on the page; where a message is cut off, its beginning."""


def literals(node: ast.expr) -> Iterator[str]:
    """Return the texts that an argument can be, what is put in at run time left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "…" for one in node.values]
        yield "".join(parts)


def messages() -> Iterator[tuple[str, str]]:
    """Return where a message is logged, and its text."""
    for path in sorted((ROOT / "asyncevents_core").rglob("*.py")):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func
            if isinstance(called, ast.Attribute):
                if getattr(called.value, "id", "") == "logger" and called.attr in LEVELS:
                    for text in literals(node.args[0]):
                        yield path.name, text
            elif getattr(called, "id", "") in {"log_in_time", "_log"} and len(node.args) >= 3:
                for text in literals(node.args[-2]):
                    yield path.name, text


MESSAGES = sorted(set(messages()))


def test_there_are_as_many_as_there_were():
    assert len(MESSAGES) > 80


@pytest.mark.parametrize(("place", "text"), MESSAGES)
def test_it_is_explained(place, text):
    text = text.strip("… ")
    assert any(text.startswith(one) or one.endswith(text) or text in one for one in EXPLAINED), (
        f"{place}: {text!r} is not in docs/how-to/troubleshoot.md"
    )
