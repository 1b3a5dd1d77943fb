"""What the site needs to know of a page's Markdown: where its code is, its links, its diagrams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

_FENCE: Final = re.compile(r"^(```+|~~~+).*?^\1\s*?$", re.DOTALL | re.MULTILINE)
_SPAN: Final = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_LINK: Final = re.compile(r"!?\[(?:[^][]|\[[^][]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", re.DOTALL)
_PICTURE: Final = re.compile(
    r"<picture>\s*"
    r'<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img src="(?P<light>[^"]+)" alt="(?P<alt>[^"]*)">\s*'
    r"</picture>"
)
DIAGRAM: Final = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


@frozen
class Link:
    """A link or a picture: where its target stands in the text, and the target."""

    start: int
    end: int
    target: str


def links_of(text: str) -> Iterator[Link]:
    """Yield the links of a page that stand outside of its code."""
    for found in _LINK.finditer(_without_code(text)):
        yield Link(found.start(1), found.end(1), text[found.start(1) : found.end(1)])


def with_links(text: str, change: Callable[[str], str]) -> str:
    """Return the text of a page with other targets of its links."""
    parts, end = [], 0
    for link in links_of(text):
        parts += [text[end : link.start], change(link.target)]
        end = link.end
    return "".join([*parts, text[end:]])


def with_pictures(text: str) -> str:
    """Return the text of a page with two pictures for each one that is there for light and dark.

    A code host knows `<picture>`, which goes by the system. The site lets people choose.
    """
    return _PICTURE.sub(
        lambda one: (
            f"![{one['alt']}]({one['light']}#only-light)![{one['alt']}]({one['dark']}#only-dark)"
        ),
        text,
    )


def with_diagrams(text: str, stem: str) -> str:
    """Return the text of a page with pictures of its diagrams, which `make diagrams` has drawn.

    They are in the folder `diagrams` beside the page, whose file name begins with `stem`. A code
    host draws what is in the page; the site would need a library from somewhere else for that.
    """
    numbers = iter(range(1, 100))

    def drawn(found: re.Match[str]) -> str:
        above = _HEADING.findall(text[: found.start()])[-1]
        name = f"diagrams/{stem}-{next(numbers)}"
        alt = f"Diagram: {above}"
        return f"![{alt}]({name}-light.svg#only-light)![{alt}]({name}-dark.svg#only-dark)"

    return DIAGRAM.sub(drawn, text)


def _without_code(text: str) -> str:
    """Return the text with everything in code replaced, so that no place in it changes."""

    def masked(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", "x", found[0])

    return _SPAN.sub(masked, _FENCE.sub(masked, text))
