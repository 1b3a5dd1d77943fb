"""The pages: their links lead somewhere, and their Python is Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        target, _, anchor = link.partition("#")
        if target.startswith(("http:", "https:")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{link} in {page.name}"
        if anchor:
            assert anchor in anchors(path), f"{link} in {page.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_is_python(page):
    for block in blocks(page):
        ast.parse(block)


@pytest.mark.parametrize("index", ["README.md", "docs/llms.txt"])
def test_every_page_is_listed(index):
    listed = (ROOT / index).read_text()
    folders = ("tutorials", "how-to", "reference", "explanation")
    pages = [page for folder in folders for page in (ROOT / "docs" / folder).glob("*.md")]
    assert len(pages) > 50
    assert [page.name for page in pages if f"{page.parent.name}/{page.name}" not in listed] == []
