"""Which versions of the plugin API a plugin was written for, and what that means here."""

from __future__ import annotations

import inspect
from typing import Final

from asyncevents_core.plugin_api import PLUGIN_API

ATTRIBUTE: Final = "ASYNCEVENTS_PLUGIN_API"
"""The name in a plugin's module: a number, or the first and the last one as a pair."""


def complaint(plugin: object) -> str | None:
    """Return what there is to say of a plugin's versions; None where it fits, or says nothing."""
    # Nothing of the plugin's own is run for it.
    stated = inspect.getattr_static(plugin, ATTRIBUTE, None)
    if stated is None:
        return None
    first, last = stated if isinstance(stated, tuple) and len(stated) == 2 else (stated, stated)
    if type(first) is not int or type(last) is not int or not 1 <= first <= last:
        return f"{ATTRIBUTE} must be a number such as 1, or a pair such as (1, 2), not {stated!r}"
    if first > PLUGIN_API:
        return (
            f"was written for plugin API {first} and newer, but this asyncevents-core has "
            f"{PLUGIN_API}: pip install --upgrade asyncevents-core. What it can do here is loaded"
        )
    if last < PLUGIN_API:
        return (
            f"was written for plugin API {last} and older, and this asyncevents-core has "
            f"{PLUGIN_API}: look for a newer version of it. What still works is loaded"
        )
    return None
