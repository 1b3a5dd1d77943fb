"""Filters on content: whether an event goes to a subscription. Pure: no I/O, no query text.

`event_view` is what a filter sees of one event, `event_filter` what every filter is. `dialects`
are the filters of the CloudEvents Subscriptions API, which `reading` reads from their JSON;
`cesql` is the expression language of one of them. `by_query` makes a filter of a query of
`asyncevents_core.domain.query`, so that one can subscribe to what one can search for. `stored`
says how a filter is kept.
"""

from __future__ import annotations
