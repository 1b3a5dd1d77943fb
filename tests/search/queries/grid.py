"""A grid: values × spellings × fields. What a query finds is not written down, but compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from asyncevents_core.domain.query.readings import text_of
from tests.search.documents import DOCUMENTS, attempt

VALUES: Final[Sequence[Any]] = (
    "Veronica Costello",
    "VERONICA costello-Smith",
    "CK1000",
    "ck-10",
    "order CK-10 shipped",
    "Jane.Doe@Example.com",
    "to Jane.Doe",
    "Größe XL",
    "GRÖSSE xl",
    "ﬁne №5",
    "C++",
    "uses C++ daily",
    "100%",
    "+++",
    "TO",
    "to b",
    "A/B:c",
    "Ελλάς",
    "İstanbul",
    "naïve cafe\u0301",
    "東京タワー",
    "👍🏽 ok",
    "-3.25",
    -3.25,
    12,
    "12.0",
    "007",
    1e45,
    10**45,
    str(10**45),
    10**45 + 1,
    "0.12345678901234567890123456789012345678901234567890",
    1.5e-7,
    True,
    "TRUE",
    "2026-11-24T00:30:00+01:00",
    "2026-11-23",
    "a" * 99 + "Bc",
    "Z" * 300,
    "long " * 110 + "End",
)
STATUSES: Final = (None, 0, 200, 299, 404, 500, 503, 599, -1, 2**31 - 1)
DURATIONS: Final = (0.0, 0.25, 1e-7, 5e-7, 0.0123456789, 15.0, 1e6, 99.5, 3.0, 0.1 + 0.2)
"""What the attempts of the grid had, in turns."""
ODD: Final = tuple(
    attempt(
        100 + number,
        f"Grid.Made.{number}",
        "2027-03-11T12:00:00",
        {"k": value, "Deep": {"k": [value, "other"]}, "http_status": 500, "duration": 0.25},
        http_status=STATUSES[number % len(STATUSES)],
        duration=DURATIONS[number % len(DURATIONS)],
        detail=text_of(value),
    )
    for number, value in enumerate(VALUES)
)
GRID_DOCUMENTS: Final = (*DOCUMENTS, *ODD)

TEXTS: Final = tuple(
    dict.fromkeys(str(one) if not isinstance(one, bool) else "true" for one in VALUES)
)
FIELDS: Final = ("", "data.k:", "data.*:", "detail:")

_SPECIAL: Final = re.compile(r'[\s+\-!():^\[\]"{}~*?\\/<>&|=]')


def escaped(text: str) -> str:
    """Return a text as a value without quotes that means itself."""
    found = _SPECIAL.sub(r"\\\g<0>", text)
    return f"\\{found}" if found in {"TO", "AND", "OR", "NOT"} else found


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def expression(text: str) -> str:
    return "/" + re.sub(r"[\W_]", lambda found: f"\\{found[0]}", text) + "/"


def _middle(text: str) -> str:
    half = len(text) // 2
    return f"{escaped(text[:half])}*{escaped(text[half:])}"


SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "value": escaped,
    "quoted": quoted,
    "upper": lambda text: escaped(text.upper()),
    "lower": lambda text: escaped(text.lower()),
    "behind": lambda text: f"{escaped(text)}*",
    "before": lambda text: f"*{escaped(text)}",
    "around": lambda text: f"*{escaped(text.upper())}*",
    "middle": _middle,
    "beginning": lambda text: f"{escaped(text[:-1])}*",
    "end": lambda text: f"*{escaped(text[1:].lower())}",
    "one": lambda text: f"{escaped(text[:-1])}?",
    "ones": lambda text: "?" * len(text),
    "expression": expression,
    "expression in capitals": lambda text: expression(text.upper()),
    "expression and more": lambda text: expression(text)[:-1] + ".*/",
    "class": lambda text: f"/[^{expression(text[:1])[1:-1]}].*/",
    "from": lambda text: f">={quoted(text)}",
    "above": lambda text: f">{quoted(text.lower())}",
    "to": lambda text: f"[* TO {quoted(text.upper())}]",
    "below": lambda text: "{* TO " + quoted(text) + "}",
    "just": lambda text: f"[{quoted(text)} TO {quoted(text)}]",
    "among": lambda text: f"({escaped(text)} OR -3.25)",
    "moved": lambda text: f"{quoted(text)}~2",
}
RANGES: Final[Mapping[str, Callable[[str], str]]] = {
    "value": lambda text: f"({text} OR 1234567)",
    "quoted": quoted,
    "from": lambda text: f">={text}",
    "above": lambda text: f">{text}",
    "to": lambda text: f"<={text}",
    "below": lambda text: f"<{text}",
    "just": lambda text: f"[{text} TO {text}]",
    "nothing": lambda text: f"{{{text} TO {text}}}",
    "around": lambda text: f"{{-1 TO {text}]",
    "further": lambda text: f"[{text} TO 1000000}}",
}
WORDS: Final = ("kettel", "veronika", "Costelo", "shippde", "fx", "größse", "東", "1", "x" * 20)
MORE: Final = (
    "_exists_:http_status",
    "_exists_:detail",
    "_exists_:*_status",
    "http_status:[500 TO 599] AND started_at:>now-1d",
    "data.k:(-3.25 OR 12)",
    "data.k:(12 OR -3.25 OR nothing)",
    "data.k:(+-3.25)",
    "data.k:(12 -3.25)",
    "data.k:[TO TO U]",
    "data.k:[TO TO TO]",
    "data.k:[S TO TO]",
    "kettle^2",
    "kettel^2~1",
    "(kettle fox)^2",
    *(
        f"{field}{word}~{distance}"
        for field in ("data.*:", "*:", "data.items.*:", "data.Deep.*:", "data.k:", "")
        for word in WORDS
        for distance in (0, 1, 2)
    ),
    *(f"{field}{'?' * count}" for field in FIELDS for count in (1, 3, 50, 99, 300, 301, 512, 513)),
    *(f"{field}*e{'?' * count}" for field in ("data.k:", "data.*:", "") for count in (0, 5, 11)),
    *(f"{field}{'Z' * count}*" for field in FIELDS for count in (100, 299, 300, 301, 513, 900)),
    *(f"{field}/Z{{{count}}}.*/" for field in FIELDS for count in (100, 150, 200)),
    *(f"{field}/.{{{count}}}.*/" for field in FIELDS for count in (99, 101, 150, 200)),
    *(f"{field}/(.?){{{count}}}X./" for field in ("data.k:", "data.*:") for count in (5, 20)),
    *(f"data.k:/{'(' * count}[cC]K.*{')' * count}/" for count in (1, 10, 20)),
    *(f"{'(' * count}kettle{')' * count}" for count in (1, 30, 50)),
    *(f"{'(kettle OR ' * count}fox{')' * count}" for count in (1, 30, 49)),
    *(f"{'(kettle OR (name AND ' * count}fox{'))' * count}" for count in (1, 5, 9)),
    *(f"{'NOT (kettle OR ' * count}fox{')' * count}" for count in (1, 5, 15)),
    " ".join(f"w{number}" for number in range(1023)) + " kettle",
)


def grid() -> Iterator[str]:
    """Yield all queries."""
    for text in TEXTS:
        for name, spelling in SPELLINGS.items():
            # Long ones take the reference long.
            if len(text) < 200 or not name.startswith("expression"):
                yield from (f"{field}{spelling(text)}" for field in FIELDS)
    for field, numbers in (("http_status", STATUSES), ("duration", DURATIONS)):
        for number in numbers:
            for spelling in RANGES.values():
                if number is not None:
                    yield f"{field}:{spelling(repr(number))}"
                    yield f"data.{field}:{spelling(repr(number))}"
    yield from MORE
