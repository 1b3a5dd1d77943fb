"""Payloads: small ones of 300 bytes, and real webhook payloads (median 8 KB, at most 28 KB).

The real ones are GitHub's, from the file beside the checkout. Where it is absent, generated
ones of the same sizes take their place. All are drawn with a seed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final

from attrs import frozen

CORPUS: Final = Path(__file__).parents[3] / "shared" / "data" / "github-events.jsonl"
SMALL: Final = 300
_MEDIAN: Final = 8_000
_LARGEST: Final = 28_000
_SIGMA: Final = 0.7
_GENERATED: Final = 184
_LETTERS: Final = "etaoinshrdlucmfwypvbgkjqxz      "


@frozen(kw_only=True, eq=False)
class Payloads:
    """A cycle of payloads. `texts` are their JSON, as the ledger keeps it."""

    name: str
    data: tuple[dict[str, Any], ...]
    texts: tuple[bytes, ...]

    @property
    def mean(self) -> float:
        """Mean size in bytes."""
        return sum(map(len, self.texts)) / len(self.texts)

    def some(self, start: int, count: int) -> list[dict[str, Any]]:
        """Return `count` payloads of the cycle, from the one with that number on."""
        return [self.data[number % len(self.data)] for number in range(start, start + count)]


def small(seed: int) -> Payloads:
    """Return payloads of 300 bytes."""
    source = random.Random(seed)
    frame = len(_json({"id": 100_000, "text": ""}))
    made = [
        {"id": 100_000 + number, "text": _text(source, SMALL - frame)}
        for number in range(_GENERATED)
    ]
    return _payloads("300 bytes", made)


def real(seed: int) -> Payloads:
    """Return real payloads, or generated ones of their sizes."""
    source = random.Random(seed)
    if CORPUS.is_file():
        lines = CORPUS.read_text().splitlines()
        found = [json.loads(line)["data"] for line in lines]
    else:
        sizes = (source.lognormvariate(0, _SIGMA) * _MEDIAN for _ in range(_GENERATED))
        found = [_document(source, min(_LARGEST, round(size))) for size in sizes]
    source.shuffle(found)
    return _payloads("8 KB", found)


def _document(source: random.Random, size: int) -> dict[str, Any]:
    """Return nested objects of short texts and numbers, of about that many bytes of JSON."""
    document: dict[str, Any] = {"action": "created"}
    left = size - 30
    while left > 0:
        key = f"part_{len(document)}"
        document[key] = {
            "id": source.randrange(10**8),
            "url": f"https://api.example.com/{_text(source, 40).replace(' ', '-')}",
            "name": _text(source, 30),
            "public": source.random() < 0.5,
        }
        left -= len(_json(document[key])) + len(key) + 5
    return document


def _text(source: random.Random, size: int) -> str:
    return "".join(source.choices(_LETTERS, k=size))


def _payloads(name: str, data: list[dict[str, Any]]) -> Payloads:
    return Payloads(name=name, data=tuple(data), texts=tuple(_json(one) for one in data))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
