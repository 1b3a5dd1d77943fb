"""The filter of the log as the query of a request writes it."""

from __future__ import annotations

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.web.api.parameters import Id, Name, Time, checked_name, instant

Search = Annotated[
    str | None,
    QueryParameter(max_length=4096, description="In Lucene's syntax, over the payload too."),
]


def provide_log_filter(
    actor: NamedDependency[Actor],
    subscription_id: Id = None,
    event_name: Name = None,
    success: FromQuery[bool | None] = None,
    since: Time = None,
    until: Time = None,
) -> LogFilter:
    """Return which attempts are meant; an actor that is bound to a tenant means its own."""
    return LogFilter(
        subscription_id=subscription_id,
        event_name=checked_name("event_name", event_name),
        tenant=actor.tenant,
        delivered=success,
        since=instant("since", since),
        until=instant("until", until),
    )
