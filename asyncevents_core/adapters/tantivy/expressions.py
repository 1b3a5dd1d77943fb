"""Expressions in the syntax of the Rust library that runs them over an index's terms."""

from __future__ import annotations

from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat, Sequence
from asyncevents_core.indexer_kit.automata import quantifier
from asyncevents_core.indexer_kit.keys import US


def rendered(node: Node) -> str:
    """Return an expression's text. No character in it stands for the separator of terms."""
    match node:
        case Chars():
            return _chars(node)
        case Sequence():
            return "".join(
                f"(?:{rendered(one)})" if isinstance(one, Choice) else rendered(one)
                for one in node.parts
            )
        case Choice():
            return "|".join(rendered(one) for one in node.options)
        case Repeat():
            return f"(?:{rendered(node.node)}){quantifier(node)}"


def _chars(node: Chars) -> str:
    if not node.negated and len(node.ranges) == 1:
        low, high = node.ranges[0]
        if low == high:
            return _one(low)
    inside = "".join(
        _one(low) if low == high else f"{_one(low)}-{_one(high)}" for low, high in node.ranges
    )
    if node.negated:
        return f"[^{_one(US)}{inside}]"
    return f"[{inside}]"


def _one(char: str) -> str:
    return char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):X}}}"
