"""A filter to try: what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from attrs import frozen

from asyncevents_core.domain.event_pattern import pattern_mistake
from asyncevents_core.domain.limits import tenant_mistake
from asyncevents_core.web.api.problems import refuse_wrong
from asyncevents_core.web.api.strict_body import read_object


@frozen(kw_only=True)
class TrialRequest:
    """A filter, and the events on which to try it: names and patterns, as of a subscription.

    `filter` is a query as a text, or a list of CloudEvents filters. With `tenant` they are those
    that a subscription of this tenant receives.
    """

    event_name: str
    filter: Any
    tenant: str | None = None

    shape: ClassVar[type]
    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "event_name": "sales.order.created",
        "filter": "data.total:[100 TO *]",
    }

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        found = read_object(cls, value, "body")
        wrong = {
            "event_name": pattern_mistake(found.event_name),
            "tenant": tenant_mistake(found.tenant),
        }
        refuse_wrong(wrong)
        return found


TrialRequest.shape = TrialRequest
