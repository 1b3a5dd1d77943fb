"""The question before something is done that is not easily undone; it needs no JavaScript."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from asyncevents_core.web.pages.form import Form


@frozen(kw_only=True)
class Confirmation:
    """A question, as `confirm.html` shows it: the same form, sent again, answers it.

    `sentences` say what will be done. `fields` are those of the form that was sent.
    """

    title: str
    sentences: Sequence[str]
    action: str
    button: str
    back: str
    danger: bool
    fields: Sequence[tuple[str, str]]


def is_confirmed(form: Form) -> bool:
    """Tell whether a form is the answer to the question."""
    return form.get("confirmed") == "yes"
