"""Every error that asyncevents raises on purpose, in one picture.

::

    AsyncEventsError
    ├── SettingsError            the settings module: every mistake at once
    ├── PluginError              a distribution that cannot be used
    │   ├── DuplicateName        two plugins register the same name
    │   ├── UnknownName          no plugin registers that name
    │   └── MissingExtra         an optional dependency is not installed
    ├── PublishError             publish() refused; nothing was written
    │   ├── UnknownEvent         no such event definition
    │   │   └── DuplicateEvent   there are two, of which one is a plugin's
    │   ├── InvalidPayload       not JSON, or not what the service takes
    │   ├── PayloadTooLarge      above MAX_PAYLOAD_BYTES
    │   ├── EventConflict        event_id is taken by other content
    │   └── ForeignTransaction   the transaction passed in cannot carry events
    ├── SubscriptionError        a subscription that cannot be made or changed
    │   ├── InvalidTarget        the sink refuses the target
    │   ├── InvalidOptions       the sink refuses the options
    │   └── InvalidSecret        the secret is malformed
    ├── SecretKeysError          SECRET_KEYS cannot encrypt, or decrypt what the ledger holds
    ├── AccessDenied             who asks may not do this
    ├── SignInRefused            nobody is signed in by that
    ├── InvalidValue             a value that is given at run time
    ├── IdempotencyConflict      the key was used for another request
    ├── NotFound                 no row with that id
    ├── ReplayRefused            this delivery cannot be replayed now
    ├── ServiceError             the service of an event
    │   ├── ServiceNotFound      cannot be imported or built (retried)
    │   ├── ServiceArguments     the published arguments do not fit (final)
    │   ├── ServiceFailed        raised in a process of its own, or ended it (retried)
    │   └── ServiceTimeout       took longer than SERVICE_TIMEOUT (retried)
    ├── LedgerError
    │   ├── LedgerUnavailable    the database does not answer
    │   │   └── LedgerForbidden  its user may not do that
    │   └── LedgerNotMigrated    its schema is missing or of another version
    ├── BrokerError
    │   └── BrokerUnavailable    the broker does not answer
    ├── InvalidQuery             a search that cannot be understood
    ├── IndexerError
    │   ├── IndexUnavailable     the index cannot be reached, opened or written
    │   ├── IndexBusy            another process has the index
    │   ├── SearchTimeout        a search took longer than it may
    │   └── SearchOff            there is no index to search
    └── EagerDeliveryFailed      EAGER = True: a service or a sink failed inside publish()
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "AccessDenied",
    "AsyncEventsError",
    "BrokerError",
    "BrokerUnavailable",
    "DuplicateEvent",
    "DuplicateName",
    "EagerDeliveryFailed",
    "EventConflict",
    "ForeignTransaction",
    "IdempotencyConflict",
    "IndexBusy",
    "IndexUnavailable",
    "IndexerError",
    "InvalidOptions",
    "InvalidPayload",
    "InvalidQuery",
    "InvalidSecret",
    "InvalidTarget",
    "InvalidValue",
    "LedgerError",
    "LedgerForbidden",
    "LedgerNotMigrated",
    "LedgerProtected",
    "LedgerUnavailable",
    "MissingExtra",
    "NotFound",
    "PayloadTooLarge",
    "PluginError",
    "PublishError",
    "ReplayRefused",
    "SearchOff",
    "SearchTimeout",
    "SecretKeysError",
    "ServiceArguments",
    "ServiceError",
    "ServiceFailed",
    "ServiceNotFound",
    "ServiceTimeout",
    "SettingsError",
    "SignInRefused",
    "SubscriptionError",
    "UnknownEvent",
    "UnknownName",
]


class AsyncEventsError(Exception):
    """Base of all of them. Its text says what is wrong and what to do next."""


class SettingsError(AsyncEventsError):
    """The settings are wrong. `problems` holds every mistake, each with its path."""

    def __init__(self, problems: Sequence[str], *, origin: str) -> None:
        self.problems = tuple(problems)
        self.origin = origin
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{count} mistake{'s'[: count != 1]} in {origin}:\n{lines}")


class PluginError(AsyncEventsError):
    """A plugin cannot be used. The text names the plugin and its distribution."""


class DuplicateName(PluginError):
    """Two plugins register the same name."""


class UnknownName(PluginError):
    """No plugin registers that name."""


class MissingExtra(PluginError):
    """An optional dependency is missing. The text is the command that installs it."""

    def __init__(self, what: str, *, extra: str, of: str = "asyncevents-core") -> None:
        super().__init__(f"{what} needs an extra: pip install '{of}[{extra}]'")


class PublishError(AsyncEventsError):
    """`publish()` refused the event. Nothing was written."""


class UnknownEvent(PublishError):
    """There is no definition of that event."""

    def __init__(self, name: str, *, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"unknown event {name!r}{suggestion(name, known)}. Define it in EVENTS, "
            "or with @event in a module named in EVENT_MODULES"
        )


class DuplicateEvent(UnknownEvent):
    """A plugin defines an event that another one, or the application, defines too."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, known=())
        self.args = (text,)


class InvalidPayload(PublishError):
    """The data cannot be JSON, or is no object of arguments where a service needs one.

    Or the name, the tenant or the `event_id` is no text that can be kept. The text has the path.
    """


class PayloadTooLarge(PublishError):
    """The data is larger than MAX_PAYLOAD_BYTES."""


class EventConflict(PublishError):
    """That `event_id` was published before, with other content."""


class ForeignTransaction(PublishError):
    """The session or connection passed in cannot carry the event."""


class SubscriptionError(AsyncEventsError):
    """A subscription cannot be made or changed like that."""


class InvalidTarget(SubscriptionError):
    """The sink refuses the target."""


class InvalidOptions(SubscriptionError):
    """The sink refuses the options; the text names each that is wrong."""


class InvalidSecret(SubscriptionError):
    """The secret is malformed."""


class SecretKeysError(AsyncEventsError):
    """SECRET_KEYS is empty, or holds no key for what the ledger keeps encrypted."""


class AccessDenied(AsyncEventsError):
    """Whoever asks may not do this; the text names the resource or the tenant that is missing."""


class SignInRefused(AsyncEventsError):
    """Nobody is signed in: a wrong name or password, an old link, too many tries.

    `wait` is the seconds after which another try is heard; 0 where it is heard at once. The text
    is the same whether there is a user of that name or not.
    """

    def __init__(self, text: str, *, wait: int = 0) -> None:
        super().__init__(text)
        self.wait = wait


class InvalidValue(AsyncEventsError):
    """A value that is given at run time is wrong; `field` is what it was given for."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class IdempotencyConflict(AsyncEventsError):
    """The idempotency key was used before, for a request that asked for something else."""


class NotFound(AsyncEventsError):
    """There is no row with that id."""


class ReplayRefused(AsyncEventsError):
    """The delivery cannot be replayed now; the text says why."""


class ServiceError(AsyncEventsError):
    """The service of an event failed."""


class ServiceNotFound(ServiceError):
    """The service cannot be imported or built. Retried: a deployment may be under way."""


class ServiceArguments(ServiceError, InvalidPayload):
    """The published arguments do not fit the service's parameters. Final.

    `publish()` raises it where it knows the service, a worker fails the event with it.
    """


class ServiceFailed(ServiceError):
    """The service raised an exception in a process of its own, or that process ended. Retried.

    `traceback` is that of the exception; None where the process ended.
    """

    def __init__(self, text: str, *, traceback: str | None = None) -> None:
        super().__init__(text)
        self.traceback = traceback


class ServiceTimeout(ServiceError):
    """The service took longer than SERVICE_TIMEOUT. Retried."""


class LedgerError(AsyncEventsError):
    """The ledger, the database of events, cannot do what was asked."""


class LedgerUnavailable(LedgerError):
    """The database does not answer."""


class LedgerProtected(LedgerError):
    """A test was about to use the application's ledger. The text says what tests use instead."""


class LedgerForbidden(LedgerUnavailable):
    """The user that LEDGER_URL names may not do what was asked. GRANT it."""


class LedgerNotMigrated(LedgerError):
    """The schema is missing or of another version. `asyncevents db upgrade` mends it."""


class BrokerError(AsyncEventsError):
    """The broker cannot do what was asked."""


class BrokerUnavailable(BrokerError):
    """The broker does not answer."""


class InvalidQuery(AsyncEventsError):
    """The query cannot be understood; the text shows where, and what was expected there.

    `position` counts characters of `query` from 0; at its end it is the query's length. An
    engine that cannot do what the query means gives no text, and what it needs as `expected`.
    """

    _SHOWN = 60

    def __init__(self, query: str, position: int, expected: str, *, found: str = "") -> None:
        self.query = query
        self.position = position
        self.expected = expected
        self.found = found
        instead = f", found {found}" if found else ""
        if not query.strip():
            super().__init__(f"expected {expected}{instead}")
            return
        start = max(0, position - self._SHOWN)
        shown = query[start : position + self._SHOWN]
        printable = "".join(char if char.isprintable() else " " for char in shown)
        caret = " " * (position - start) + "^"
        super().__init__(
            f"position {position + 1}: expected {expected}{instead}\n  {printable}\n  {caret}"
        )


class IndexerError(AsyncEventsError):
    """The index cannot do what was asked."""


class IndexUnavailable(IndexerError):
    """The index cannot be reached, opened or written."""


class SearchOff(IndexerError):
    """There is no index: INDEXER is None, or unset and the extra `search` is not installed."""


class IndexBusy(IndexerError):
    """Another process has the index and does not give it up."""


class SearchTimeout(IndexerError):
    """A search took longer than SEARCH_TIMEOUT allows."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"the search took longer than {seconds:g} s. Leading wildcards and regular "
            "expressions over all fields are slow: name a field, add a condition, or allow more "
            "by SEARCH_TIMEOUT"
        )


class EagerDeliveryFailed(AsyncEventsError):
    """With EAGER = True, a service or a sink failed inside `publish()`."""


def suggestion(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `` (did you mean 'x' or 'y'?)`` for the close matches, else an empty text.

    `cutoff` is how close: 1.0 is the same.
    """
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=cutoff)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
