"""What the pages for people on call advise, by what they have seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import frozen

from tests.stalls.stall import Naming

_DOCS: Final = Path(__file__).parents[2] / "docs"
_RULE: Final = re.compile(r"^### (\w+)\n\n(.*?)(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
_ROW: Final = re.compile(r"^\| (.+?) \| .+ \| (.+?) \|$")
_SECTION: Final = re.compile(r"^## (.+)$")


@frozen
class Advice:
    """What is to be done, and where that stands."""

    text: str
    page: str
    """A path below docs, with the section."""


class Runbook:
    """docs/how-to/watch.md by rule, and docs/how-to/troubleshoot.md by message."""

    def __init__(self) -> None:
        watch = (_DOCS / "how-to/watch.md").read_text()
        self._rules: Mapping[str, Advice] = MappingProxyType(
            {
                rule: Advice(text.replace("\n", " "), f"how-to/watch.md#{rule.lower()}")
                for rule, text in _RULE.findall(watch)
            }
        )
        self._messages = tuple(_messages())

    def says_of(self, seen: Naming) -> Advice | None:
        """Return the advice on a rule of Prometheus or a line of a log; None on all else.

        `status`, `check` and errors of `publish()` have their advice in their own words.
        """
        if seen.by == "metrics":
            return self._rules[seen.words]
        if seen.by != "log":
            return None
        return next((advice for part, advice in self._messages if part in seen.words), None)


def _messages() -> Iterator[tuple[str, Advice]]:
    """Yield a part of a message that is always the same, and what to do."""
    section = ""
    for line in (_DOCS / "how-to/troubleshoot.md").read_text().splitlines():
        if (title := _SECTION.match(line)) is not None:
            section = title[1].lower().replace(" ", "-")
        if (row := _ROW.match(line)) is not None:
            advice = Advice(row[2], f"how-to/troubleshoot.md#{section}")
            for message in re.findall(r"`([^`]+)`", row[1]):
                yield message.strip("… ").split(" …")[0], advice
