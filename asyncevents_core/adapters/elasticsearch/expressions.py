"""Expressions in the syntax of Lucene's regular expressions, without its optional operators."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat, Sequence
from asyncevents_core.indexer_kit.automata import quantifier
from asyncevents_core.indexer_kit.keys import US

_SPECIAL: Final = frozenset('\\]-^["')


def rendered(node: Node) -> str:
    """Return an expression's text. No character in it stands for the separator of terms."""
    match node:
        case Chars():
            return _chars(node)
        case Sequence():
            parts = [
                f"({rendered(one)})" if isinstance(one, Choice) else rendered(one)
                for one in node.parts
            ]
            return "".join(part for part in parts if part != "()") or "()"
        case Choice():
            return "|".join(rendered(one) for one in node.options)
        case Repeat():
            return f"({rendered(node.node)}){quantifier(node)}"


def _chars(node: Chars) -> str:
    if not node.negated and len(node.ranges) == 1:
        low, high = node.ranges[0]
        if low == high:
            return _one(low)
    inside = "".join(_range(low, high) for low, high in node.ranges)
    if node.negated:
        return f"[^{_one(US)}{inside}]"
    return f"[{inside}]"


def _range(low: str, high: str) -> str:
    if low == high:
        return _one(low)
    if low in _SPECIAL:
        # Since Lucene 10 a range cannot begin with an escaped character.
        return _one(low) + _range(chr(ord(low) + 1), high)
    return f"{low}-{_one(high)}"


def _one(char: str) -> str:
    return char if char.isalnum() or not char.isascii() else f"\\{char}"
