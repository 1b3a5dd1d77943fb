"""The filters of the CloudEvents Subscriptions API: one class for each of its dialects.

https://github.com/cloudevents/spec/blob/main/subscriptions/spec.md#324-filters
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from asyncevents_core.domain.filtering.cesql.expression import Expression
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake
from asyncevents_core.domain.filtering.cesql.values import to_string, type_of
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.errors import FilterFailed


class AttributesFilter(EventFilter):
    """``exact``, ``prefix``, ``suffix``: texts that attributes are compared with, all of them.

    Letters have to be in the same case. An attribute that an event lacks is like no text.
    """

    def __init__(self, wanted: Mapping[str, str], compare: Callable[[str, str], bool]) -> None:
        """Take the texts by attribute, and what compares a value with its text."""
        self._wanted = tuple(wanted.items())
        self._compare = compare

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        attributes, compare = event.attributes, self._compare
        for name, text in self._wanted:
            value = attributes.get(name)
            if value is None or not compare(to_string(value), text):
                return False
        return True


class AllFilter(EventFilter):
    """``all``, and a list of filters: each of them lets pass. An empty list lets pass everything.

    Fails as the first of them does that does not let pass.
    """

    def __init__(self, filters: Sequence[EventFilter]) -> None:
        self._filters = tuple(filters)

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        return all(one.lets_pass(event) for one in self._filters)


class AnyFilter(EventFilter):
    """``any``: one of the filters lets pass at least.

    One that fails counts as one that does not; if no other lets pass, its failure is that of all.
    """

    def __init__(self, filters: Sequence[EventFilter]) -> None:
        self._filters = tuple(filters)

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        event.attributes  # noqa: B018 - what cannot be read is no filter's failure
        failure: FilterFailed | None = None
        for one in self._filters:
            try:
                if one.lets_pass(event):
                    return True
            except FilterFailed as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return False


class NotFilter(EventFilter):
    """``not``: the filter does not let pass. One that fails does not."""

    def __init__(self, inner: EventFilter) -> None:
        self._inner = inner

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        event.attributes  # noqa: B018 - what cannot be read is no filter's failure
        try:
            return not self._inner.lets_pass(event)
        except FilterFailed:
            return True


class SqlFilter(EventFilter):
    """``sql``: an expression that is true. It fails on an error, and on a value of another type."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        try:
            value = self._expression.value(event.attributes)
        except Mistake as error:
            raise FilterFailed(
                f"{error} (position {error.position + 1} of the expression)"
            ) from None
        if value is True or value is False:
            return value
        raise FilterFailed(f"the expression is {type_of(value).value}, and not true or false")
