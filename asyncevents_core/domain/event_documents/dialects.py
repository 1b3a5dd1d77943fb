"""Lists of fixed items in the words of draft 7, which AsyncAPI uses, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asyncevents_core.domain.schemas.walking import changed


def as_draft_7(schema: Mapping[str, Any]) -> Any:
    """Return a schema of draft 2020-12 so that draft 7 means the same by it.

    What draft 7 has no words for is left as it is, and says nothing there.
    """

    def change(one: dict[str, Any]) -> dict[str, Any]:
        if "prefixItems" in one:
            if "items" in one:
                one["additionalItems"] = one.pop("items")
            one["items"] = one.pop("prefixItems")
        return one

    return changed(schema, change)


def as_2020_12(schema: Mapping[str, Any]) -> Any:
    """Return a schema that `as_draft_7` has made as it was."""

    def change(one: dict[str, Any]) -> dict[str, Any]:
        if isinstance(one.get("items"), list):
            one["prefixItems"] = one.pop("items")
            if "additionalItems" in one:
                one["items"] = one.pop("additionalItems")
        return one

    return changed(schema, change)
