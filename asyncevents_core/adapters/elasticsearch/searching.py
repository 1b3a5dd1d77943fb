"""Searches: asking the cluster within a time limit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch

from asyncevents_core.adapters.elasticsearch.calls import reaching, reason_of
from asyncevents_core.errors import IndexUnavailable, InvalidQuery, SearchTimeout

Body = Mapping[str, Any]

_GRACE: Final = 0.5
"""Seconds that an answer may come later than the cluster was told: it ends searches by itself."""
_OUT_OF_TIME: Final = frozenset({408, 504})
_GONE: Final = frozenset({404, 503})
_TRIES: Final = 3
_NOTHING: Final[Body] = MappingProxyType(
    {"hits": {"total": {"value": 0, "relation": "eq"}, "hits": ()}}
)


class Searching:
    """Requests of one search, which together have a time limit in seconds."""

    def __init__(self, client: Elasticsearch, alias: str, *, timeout: float) -> None:
        self._client = client
        self._alias = alias
        self._timeout = timeout
        self._until = time.monotonic() + timeout

    def ask(self, body: Body) -> Body:
        """Return the answer. Raises `SearchTimeout`, `IndexUnavailable`, `InvalidQuery`."""
        for _ in range(_TRIES - 1):
            try:
                return self._ask(body)
            except _Incomplete:
                # The alias was switched, and what it stood for removed, in this moment.
                continue
        try:
            return self._ask(body)
        except _Incomplete as error:
            raise IndexUnavailable(f"{self._alias}: cannot be searched: {error}") from error

    def _ask(self, body: Body) -> Body:
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise SearchTimeout(self._timeout)
        with reaching():
            try:
                answer = self._client.options(request_timeout=remaining + _GRACE).search(
                    index=self._alias,
                    body={**body, "timeout": f"{max(1, int(remaining * 1000))}ms"},
                    allow_partial_search_results=False,
                )
            except ConnectionTimeout as error:
                raise SearchTimeout(self._timeout) from error
            except ApiError as error:
                if self._is_unwritten(error):
                    return _NOTHING
                self._explain(error)
                raise
        if answer["timed_out"]:
            raise SearchTimeout(self._timeout)
        found: Body = answer.body
        return found

    def _is_unwritten(self, error: ApiError) -> bool:
        """Tell whether there is no alias yet, rather than an index that goes away."""
        about = error.body.get("error", {}) if isinstance(error.body, Mapping) else {}
        return error.status_code == 404 and about.get("index") == self._alias

    def _explain(self, error: ApiError) -> None:
        reason = reason_of(error.body)
        if error.status_code in _OUT_OF_TIME or "time exceeded" in reason.lower():
            raise SearchTimeout(self._timeout) from error
        if error.status_code == 400:
            raise InvalidQuery("", 0, f"another query: Elasticsearch says {reason}") from error
        if error.status_code in _GONE:
            raise _Incomplete(reason) from error


class _Incomplete(Exception):
    """Some of the index could not be searched."""
