"""Looks at the built site: each link leads somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

_LOADED: Final = frozenset(
    {
        ("script", "src"),
        ("img", "src"),
        ("img", "srcset"),
        ("source", "src"),
        ("source", "srcset"),
        ("iframe", "src"),
        ("video", "src"),
        ("audio", "src"),
        ("embed", "src"),
        ("object", "data"),
        ("image", "href"),
        ("use", "href"),
        ("input", "src"),
    }
)
"""What a browser fetches when it shows a page; links of the head come beside."""
_FETCHED_LINKS: Final = frozenset(
    {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload"}
)
_IN_CSS: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
_NO_PAGE: Final = frozenset({"404.html"})
"""Its links are from the root of whatever host it is on."""


class Page(HTMLParser):
    """What a page of the site has: the anchors, the links, and what a browser fetches for it.

    `tags` are those of the text itself, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        rel = set(given.get("rel", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and not rel.isdisjoint(_FETCHED_LINKS):
            self.fetched.append(given.get("href", ""))
        self.fetched += [value for name, value in given.items() if (tag, name) in _LOADED]
        self.fetched += _IN_CSS.findall(given.get("style", ""))
        if tag == "article":
            self._depth += 1
        elif self._depth:
            self.tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.fetched += _IN_CSS.findall(data)


def pages_of(site: Path) -> dict[Path, Page]:
    """Read every page of a site, by its path."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text())
        page.close()
        pages[path] = page
    return pages


def broken_links(site: Path, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield each link, or picture, of the site that leads nowhere, with its page."""
    for path, page in pages.items():
        if path.name in _NO_PAGE:
            continue
        for link in (*page.links, *page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            missing = not target.is_file()
            if not missing and parts.fragment and target in pages:
                missing = unquote(parts.fragment) not in pages[target].anchors | {"__search"}
            if missing:
                yield f"{path.relative_to(site)}: {link}"


def foreign(site: Path, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield each thing that a browser would fetch from another host, with the file that has it."""
    for path, page in pages.items():
        for link in page.fetched:
            if urlsplit(link).netloc:
                yield f"{path.relative_to(site)}: {link}"
    for path in sorted((*site.rglob("*.css"), *site.rglob("*.svg"))):
        for link in _IN_CSS.findall(path.read_text()):
            yield f"{path.relative_to(site)}: {link}"


def navigation(config: Path) -> dict[str, str]:
    """Return the pages of the navigation by their places, each with its title."""
    return dict(_entries(tomllib.loads(config.read_text())["project"]["nav"]))


def _entries(items: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for item in items:
        for title, content in item.items():
            if isinstance(content, str):
                yield content, title
            else:
                yield from _entries(content)


def orphans(root: Path, config: Path) -> Iterator[str]:
    """Yield each page of docs/ that is not in the navigation; examples are led to by their list."""
    known = navigation(config)
    for page in sorted((root / "docs").rglob("*.md")):
        place = page.relative_to(root / "docs").as_posix().replace("README.md", "index.md")
        if place not in known:
            yield f"docs/{place} is not in the navigation of {config.name}"
