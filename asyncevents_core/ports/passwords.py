"""Passwords that change: asked for when a connection is made, and never kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncevents_core.errors import AsyncEventsError

PasswordSource = Callable[[], str]
"""Returns the password that holds now. Called on any thread, by several at once."""

_WHAT: Final = "password"


def current(source: PasswordSource, setting: str, failed: type[AsyncEventsError]) -> str:
    """Return the password that holds now. Raises `failed`, without a word of the password.

    `setting` is where the source comes from, such as LEDGER_OPTIONS.
    """
    try:
        found: object = source()
    except Exception as error:
        raise failed(
            f"{setting}.{_WHAT}: the function raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, str) or not found:
        what = "an empty text" if found == "" else f"an object of type {type(found).__name__}"
        raise failed(f"{setting}.{_WHAT}: the function returned {what}, not a password")
    return found
