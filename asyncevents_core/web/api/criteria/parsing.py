"""Magento's search criteria: ``searchCriteria[filter_groups][0][filters][0][field]=…``.

Groups are joined by AND, the filters of a group by OR. Keys may be written in camelCase or in
snake_case. https://developer.adobe.com/commerce/webapi/rest/use-rest/performing-searches/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
from attrs import frozen

from asyncevents_core.domain.limits import LARGEST_COUNT
from asyncevents_core.web.api.spelling import snake

PREFIX: Final = "search_criteria"
CONDITIONS: Final = (
    "eq", "neq", "gt", "gteq", "moreq", "from", "lt", "lteq", "to",
    "in", "nin", "like", "nlike", "finset", "nfinset", "null", "notnull",
)  # fmt: skip
MOST_FILTERS: Final = 100

_KEY: Final = re.compile(r"[A-Za-z_]+((?:\[[^\[\]]*\])*)")
_PART: Final = re.compile(r"\[([^\[\]]*)\]")


class CriteriaError(ValueError):
    """A criterion is wrong: `field` is its key in the query, `message` what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@frozen
class Filter:
    """One condition; `key` is where it stands in the query."""

    field: str
    value: str
    condition_type: str = "eq"
    key: str = attrs.field(default="", eq=False)


@frozen
class SortOrder:
    """One order. Without a direction it is descending, as in Magento."""

    field: str
    direction: Literal["ASC", "DESC"] = "DESC"
    key: str = attrs.field(default="", eq=False)


@frozen(kw_only=True)
class SearchCriteria:
    """What a client wants of a list. Without `page_size` all of it is one page."""

    groups: tuple[tuple[Filter, ...], ...] = ()
    sort_orders: tuple[SortOrder, ...] = ()
    page_size: int | None = None
    current_page: int | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as answers repeat it, with Magento's names."""
        found: dict[str, Any] = {
            "filter_groups": [
                {
                    "filters": [
                        {
                            "field": one.field,
                            "value": one.value,
                            "condition_type": one.condition_type,
                        }
                        for one in group
                    ]
                }
                for group in self.groups
            ]
        }
        if self.sort_orders:
            found["sort_orders"] = [
                {"field": one.field, "direction": one.direction} for one in self.sort_orders
            ]
        if self.page_size is not None:
            found["page_size"] = self.page_size
        if self.current_page is not None:
            found["current_page"] = self.current_page
        return found


def parse(pairs: Iterable[tuple[str, str]]) -> SearchCriteria:
    """Read the decoded pairs of a query; of two equal keys the last one counts, as in PHP.

    Keys that do not begin with ``searchCriteria`` are left alone. Raises `CriteriaError`.
    """
    filters: dict[tuple[int, int], dict[str, str]] = {}
    orders: dict[int, dict[str, str]] = {}
    numbers: dict[str, int] = {}
    for key, value in pairs:
        path = _path(key)
        match path:
            case None | [] | [""]:  # nothing of ours, `searchCriteria=all`, `searchCriteria[]`
                continue
            case ["filter_groups", group, "filters", number, "field" | "value" | "condition_type"]:
                place = (_index(group, key), _index(number, key))
                filters.setdefault(place, {"key": _stem(key)})[path[-1]] = value
            case ["sort_orders", number, "field" | "direction"]:
                orders.setdefault(_index(number, key), {"key": _stem(key)})[path[-1]] = value
            case ["page_size" | "current_page"]:
                numbers[path[0]] = _count(value, key)
            case _:
                raise CriteriaError(key, "there is no such search criterion")
    if len(filters) > MOST_FILTERS:
        raise CriteriaError("searchCriteria", f"at most {MOST_FILTERS} filters are taken")
    return SearchCriteria(
        groups=_groups(filters),
        sort_orders=tuple(_order(orders[number]) for number in sorted(orders)),
        # As in Magento 0 is no limit.
        page_size=numbers.get("page_size") or None,
        current_page=numbers.get("current_page"),
    )


def _path(key: str) -> list[str] | None:
    """Return the parts in brackets, in snake_case; None if the key is not of search criteria."""
    name = key.partition("[")[0]
    if snake(name) != PREFIX:
        if name.replace("_", "").lower() == PREFIX.replace("_", ""):
            raise CriteriaError(key, "write it searchCriteria or search_criteria")
        return None
    found = _KEY.fullmatch(key)
    if found is None:
        raise CriteriaError(key, "its brackets do not match")
    return [snake(part) for part in _PART.findall(found[1])]


def _index(text: str, key: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise CriteriaError(
            key, f"{text!r} is not a number: groups and filters are numbered from 0"
        )
    return int(text)


def _count(text: str, key: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LARGEST_COUNT:
        return int(text)
    raise CriteriaError(key, f"{text!r} is not a whole number from 0 to {LARGEST_COUNT}")


def _stem(key: str) -> str:
    return key[: key.rindex("[")]


def _groups(
    filters: Mapping[tuple[int, int], Mapping[str, str]],
) -> tuple[tuple[Filter, ...], ...]:
    groups: dict[int, list[Filter]] = {}
    for place in sorted(filters):
        groups.setdefault(place[0], []).append(_filter(filters[place]))
    return tuple(tuple(groups[number]) for number in sorted(groups))


def _filter(parts: Mapping[str, str]) -> Filter:
    key = parts["key"]
    if not parts.get("field"):
        raise CriteriaError(f"{key}[field]", "it is missing")
    condition = (parts.get("condition_type") or "eq").lower()
    if condition not in CONDITIONS:
        known = ", ".join(CONDITIONS)
        raise CriteriaError(f"{key}[condition_type]", f"{condition!r} is none of {known}")
    if "value" not in parts and condition not in {"null", "notnull"}:
        raise CriteriaError(f"{key}[value]", "it is missing")
    return Filter(snake(parts["field"]), parts.get("value", ""), condition, key)


def _order(parts: Mapping[str, str]) -> SortOrder:
    key = parts["key"]
    if not parts.get("field"):
        raise CriteriaError(f"{key}[field]", "it is missing")
    direction = (parts.get("direction") or "DESC").upper()
    if direction == "ASC":
        return SortOrder(snake(parts["field"]), "ASC", key)
    if direction == "DESC":
        return SortOrder(snake(parts["field"]), "DESC", key)
    raise CriteriaError(f"{key}[direction]", f"{direction!r} is neither ASC nor DESC")


def split_list(text: str) -> Sequence[str]:
    """Return the values of ``in`` and ``nin``: separated by commas."""
    return [part.strip() for part in text.split(",")]
