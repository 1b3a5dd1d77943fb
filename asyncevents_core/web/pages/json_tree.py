"""A JSON text as a tree that can be folded, cut where it is large."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from attrs import field, frozen

MOST_NODES: Final = 1_000
"""Values of a tree that are shown; the rest is counted."""
LONGEST_TEXT: Final = 2_000


@frozen(kw_only=True)
class Node:
    """One value: an object or a list with `children`, or else `text`, as JSON writes it.

    `key` is its name in an object or its place in a list; None for the root. `size` counts all
    values that it has, also those that `children` lacks.
    """

    key: str | None
    kind: str
    text: str = ""
    size: int = 0
    children: Sequence[Node] = ()

    @property
    def left_out(self) -> int:
        """How many of its values are not shown."""
        return self.size - len(self.children)


class _Number(str):
    """A number as it is written: no digit is lost."""

    __slots__ = ()


def tree_of(body: bytes) -> Node | None:
    """Return a JSON text as a tree; None for what is no JSON. Names that stand twice stay."""
    try:
        value = json.loads(
            body,
            object_pairs_hook=_Pairs,
            parse_int=_Number,
            parse_float=_Number,
        )
    except (ValueError, RecursionError):
        return None
    return _Growing().node(None, value)


@frozen
class _Pairs:
    items: Sequence[tuple[str, Any]] = field(factory=list)


class _Growing:
    """Grows a tree of `MOST_NODES` at most: the first values, depth first."""

    def __init__(self) -> None:
        self._left = MOST_NODES

    def node(self, key: str | None, value: object) -> Node:
        """Return a value with as much of what it has as there is room for."""
        self._left -= 1
        if isinstance(value, _Pairs):
            return self._parent(key, "object", value.items)
        if isinstance(value, list):
            return self._parent(key, "array", [(str(at), one) for at, one in enumerate(value)])
        if isinstance(value, _Number):
            return Node(key=key, kind="number", text=_cut(value))
        if isinstance(value, str):
            return Node(key=key, kind="string", text=json.dumps(_cut(value), ensure_ascii=False))
        return Node(key=key, kind="literal", text=json.dumps(value))

    def _parent(self, key: str | None, kind: str, items: Sequence[tuple[str, Any]]) -> Node:
        children = []
        for name, one in items:
            if self._left <= 0:
                break
            children.append(self.node(name, one))
        return Node(key=key, kind=kind, size=len(items), children=children)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]} … ({len(text):,} characters)"
