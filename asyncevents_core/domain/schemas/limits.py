"""Keywords that limit values: which change of a limit lets more through than before."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from asyncevents_core.domain.schemas.merging import types_of

_LOWER: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
)
_UPPER: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)
_ABOUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), "string"),
        **dict.fromkeys(("contentEncoding", "contentMediaType"), "string"),
        **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "minContains"), "array"),
        **dict.fromkeys(("maxContains", "contains"), "array"),
        **dict.fromkeys(("minProperties", "maxProperties", "propertyNames"), "object"),
        **dict.fromkeys(("minimum", "maximum", "multipleOf"), "number"),
        **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), "number"),
    }
)
"""The type that a keyword says something of."""

_SCHEMAS: Final = frozenset({"contains", "propertyNames"})
"""Those whose value is a schema."""


def difference_of_limits(
    keyword: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[bool, str] | None:
    """Return whether a changed limit breaks readers, and what to say; "" where it is the same.

    None for a keyword of which that cannot be told here.
    """
    was, now = old.get(keyword), new.get(keyword)
    about = _ABOUT.get(keyword)
    if about is None or not _is_about(about, new):
        # Where it says nothing of what there can be now, it is as good as the same.
        return None if about is None else (False, "")
    if keyword in _SCHEMAS:
        return None
    if was == now and type(was) is type(now):
        return False, ""
    if keyword in _LOWER or keyword in _UPPER:
        return _limit(keyword, was, now)
    if keyword == "uniqueItems":
        return bool(was), "items may be there twice now" if was else "no item is there twice now"
    if keyword == "multipleOf" and was is not None and now is not None and now % was == 0:
        return False, f"is a multiple of {now} now"
    if was is None:
        return False, f"{keyword} is {now} now"
    return True, f"{keyword} was {was}, is {'any' if now is None else now} now"


def _limit(keyword: str, was: Any, now: Any) -> tuple[bool, str]:
    if was is None:
        return False, f"{keyword} is {now} now"
    if now is None:
        return True, f"{keyword} was {was}, is none now"
    wider = now < was if keyword in _LOWER else now > was
    return wider, f"{keyword} was {was}, is {now} now"


def _is_about(kind: str, schema: Mapping[str, Any]) -> bool:
    types = types_of(schema)
    return kind in types or (kind == "number" and "integer" in types)
