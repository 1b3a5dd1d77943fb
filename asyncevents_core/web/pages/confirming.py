"""The question before something is done that is not easily undone; it needs no JavaScript.

It is a page of its own, so that going back works; its button sends what does it.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class Confirmation:
    """A question, as `confirm.html` shows it.

    `sentences` say what will be done. `fields` are sent to `action` by the button.
    """

    title: str
    sentences: Sequence[str]
    action: str
    button: str
    back: str
    danger: bool
    fields: Sequence[tuple[str, str]] = ()
