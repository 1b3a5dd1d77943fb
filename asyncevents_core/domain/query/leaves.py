"""A document as its leaves: the path and the value of everything in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Scalar = str | int | float | bool
Leaf = tuple[str, Scalar]
"""A path such as ``data.data.items.sku`` and a value. Places in arrays are not part of it."""


def leaves(value: object, path: str) -> Iterator[Leaf]:
    """Yield the values below `path`, in their order. `value` is parsed JSON; null is nothing.

    >>> list(leaves({"items": [{"sku": "a"}, {"sku": "b"}], "note": None}, "data.data"))
    [('data.data.items.sku', 'a'), ('data.data.items.sku', 'b')]
    """
    # A stack, not recursion: payloads may be nested more deeply than Python calls.
    waiting: list[tuple[str, object]] = [(path, value)]
    while waiting:
        where, found = waiting.pop()
        if isinstance(found, str | int | float):
            yield where, found
        elif isinstance(found, Mapping):
            waiting.extend([(f"{where}.{key}", found[key]) for key in reversed(found)])
        elif isinstance(found, list):
            waiting.extend([(where, one) for one in reversed(found)])
