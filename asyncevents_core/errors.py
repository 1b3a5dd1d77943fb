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
    │   │   ├── DuplicateEvent   there are two, of which one is a plugin's
    │   │   └── UnusableEvent    a plugin defines it with a wrong schema
    │   ├── InvalidPayload       not JSON, not what the service takes, or not as its schema says
    │   ├── PayloadTooLarge      above MAX_PAYLOAD_BYTES
    │   ├── EventConflict        event_id is taken by other content
    │   └── ForeignTransaction   the transaction passed in cannot carry events
    ├── SubscriptionError        a subscription that cannot be made or changed
    │   ├── InvalidTarget        the sink refuses the target
    │   ├── InvalidOptions       the sink refuses the options
    │   ├── InvalidSecret        the secret is malformed
    │   └── InvalidFilter        the filter cannot be understood
    ├── FilterFailed             a filter cannot be asked about this event
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
    │   ├── LedgerProtected      a test was about to use the application's ledger
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
from typing import Final

__all__ = [
    "AccessDenied",
    "AsyncEventsError",
    "BrokerError",
    "BrokerUnavailable",
    "DuplicateEvent",
    "DuplicateName",
    "EagerDeliveryFailed",
    "EventConflict",
    "FilterFailed",
    "ForeignTransaction",
    "IdempotencyConflict",
    "IndexBusy",
    "IndexUnavailable",
    "IndexerError",
    "InvalidFilter",
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
    "UnusableEvent",
]


class AsyncEventsError(Exception):
    """Base of all of them. Its text says what is wrong and what to do next."""


class SettingsError(AsyncEventsError):
    """The settings are wrong. `problems` holds every mistake, each with its path.

    What to do: Correct the settings; `asyncevents check` shows every mistake at once.
    """

    def __init__(self, problems: Sequence[str], *, origin: str) -> None:
        self.problems = tuple(problems)
        self.origin = origin
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{count} mistake{'s'[: count != 1]} in {origin}:\n{lines}")


class PluginError(AsyncEventsError):
    """A plugin cannot be used. The text names the plugin and its distribution.

    What to do: `asyncevents plugins` says why.
    """


class DuplicateName(PluginError):
    """Two plugins register the same name.

    What to do: Uninstall one of the two, or name it in PLUGINS_BLOCKED.
    """


class UnknownName(PluginError):
    """No plugin registers that name.

    What to do: Correct the name, or install the plugin.
    """


class MissingExtra(PluginError):
    """An optional dependency is missing. The text has the command that installs it.

    What to do: Run the command in the text.
    """

    def __init__(self, what: str, *, extra: str, of: str = "asyncevents-core") -> None:
        super().__init__(f"{what} needs an extra: pip install '{of}[{extra}]'")


class PublishError(AsyncEventsError):
    """`publish()` refused the event. Nothing was written."""


class UnknownEvent(PublishError):
    """No event of that name is defined.

    What to do: Define it, or correct the name.
    """

    def __init__(self, name: str, *, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"unknown event {name!r}{suggestion(name, known)}. Define it in EVENTS, "
            "or with @event in a module named in EVENT_MODULES"
        )


class DuplicateEvent(UnknownEvent):
    """A plugin defines an event that another one, or the application, defines too.

    What to do: Name one of the plugins in PLUGINS_BLOCKED, or rename your event.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, known=())
        self.args = (text,)


class UnusableEvent(UnknownEvent):
    """A plugin defines an event with a schema that is wrong.

    What to do: Update the plugin; `asyncevents check` says what is wrong.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, known=())
        self.args = (text,)


class InvalidPayload(PublishError):
    """The data cannot be JSON, or is no object of arguments where a service needs one.

    Or it does not match the event's schema, where EVENT_SCHEMAS refuses that. Or the name, the
    tenant or the `event_id` is no text that can be kept. The text has the path.

    What to do: Correct what you publish.
    """


class PayloadTooLarge(PublishError):
    """The data is larger than MAX_PAYLOAD_BYTES.

    What to do: Publish an id, and let a service load the rest.
    """


class EventConflict(PublishError):
    """That `event_id` was published before, with other content.

    What to do: Use another `event_id`.
    """

    def __init__(self, text: str, *, event_id: str | None = None) -> None:
        super().__init__(text)
        self.event_id = event_id


class ForeignTransaction(PublishError):
    """The session or connection passed in cannot carry the event.

    What to do: Put the ledger into that database, or publish after your commit.
    """


class SubscriptionError(AsyncEventsError):
    """A subscription cannot be made or changed like that."""


class InvalidTarget(SubscriptionError):
    """The sink refuses the target.

    What to do: Correct the target.
    """


class InvalidOptions(SubscriptionError):
    """The sink refuses the options; the text names each that is wrong.

    What to do: Correct the options that the text names.
    """


class InvalidSecret(SubscriptionError):
    """The secret is malformed.

    What to do: Correct it, or give none: one is made then.
    """


class InvalidFilter(SubscriptionError):
    """The filter of a subscription cannot be understood; the text says where, and what to do.

    `path` is the place in the filter's JSON, such as ``[0].any[1].exact``, empty where it is all of
    it. For a mistake within a query or an expression, `source` is its text, and `position` counts
    its characters from 0; else `position` is None.

    What to do: Correct it as the text says.
    """

    def __init__(
        self, mistake: str, *, path: str = "", source: str = "", position: int | None = None
    ) -> None:
        self.mistake = mistake
        self.path = path
        self.source = source
        self.position = position
        where = f"filter{path}: "
        if position is None:
            super().__init__(f"{where}{mistake}")
            return
        pointed = _pointed(source, position) if source.strip() else ""
        super().__init__(f"{where}position {position + 1}: {mistake}{pointed}")


class FilterFailed(AsyncEventsError):
    """A filter cannot be asked about an event, which therefore does not pass; the text says why.

    What to do: Correct the filter, if the reason in the text is not the event.
    """


class SecretKeysError(AsyncEventsError):
    """SECRET_KEYS is empty, or holds no key for what the ledger keeps encrypted.

    What to do: Add a key, or put the old key back.
    """


class AccessDenied(AsyncEventsError):
    """Whoever asks may not do this; the text names the resource or the tenant that is missing.

    What to do: Give them the resource that the text names.
    """


class SignInRefused(AsyncEventsError):
    """Nobody is signed in: a wrong name or password, an old link, too many tries.

    `wait` is the seconds after which another try is heard; 0 where it is heard at once. The text
    is the same whether there is a user of that name or not.

    What to do: Wait for `wait`; `asyncevents user link NAME` lets in who has forgotten the
    password.
    """

    def __init__(self, text: str, *, wait: int = 0) -> None:
        super().__init__(text)
        self.wait = wait


class InvalidValue(AsyncEventsError):
    """A value that is given at run time is wrong; `field` is what it was given for.

    What to do: Correct the value.
    """

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class IdempotencyConflict(AsyncEventsError):
    """The idempotency key was used before, for a request that asked for something else.

    What to do: Send a new key.
    """


class NotFound(AsyncEventsError):
    """There is no row with that id, or who asks may not see it.

    What to do: Look at the list that the text names.
    """


class ReplayRefused(AsyncEventsError):
    """The delivery cannot be replayed now; the text says why.

    What to do: Do first what the text says.
    """


class ServiceError(AsyncEventsError):
    """The service of an event failed. Workers catch it and write it down."""


class ServiceNotFound(ServiceError):
    """The service cannot be imported or built. Retried: a deployment may be under way.

    What to do: Correct the `service` of the event, or deploy its code.
    """


class ServiceArguments(ServiceError, InvalidPayload):
    """The published arguments do not fit the service's parameters. Final.

    `publish()` raises it where it knows the service, a worker fails the event with it.

    What to do: Publish what the service takes, or correct the service and replay the event.
    """


class ServiceFailed(ServiceError):
    """The service raised an exception in a process of its own, or that process ended. Retried.

    `traceback` is that of the exception; None where the process ended.

    What to do: Read the reason in the dead letter, and the log.
    """

    def __init__(self, text: str, *, traceback: str | None = None) -> None:
        super().__init__(text)
        self.traceback = traceback


class ServiceTimeout(ServiceError):
    """The service took longer than SERVICE_TIMEOUT. Retried.

    What to do: Make it faster, or allow more time.
    """


class LedgerError(AsyncEventsError):
    """The ledger, the database of events, cannot do what was asked."""


class LedgerUnavailable(LedgerError):
    """The database does not answer. What was to be written may be written or not.

    What to do: Try again; with an `event_id` nothing is published twice.
    """


class LedgerProtected(LedgerError):
    """A test was about to use the application's ledger.

    What to do: Record what the test publishes, or set LEDGER_IN_TESTS.
    """


class LedgerForbidden(LedgerUnavailable):
    """The user that LEDGER_URL names may not do what was asked.

    What to do: GRANT it; `asyncevents check` lists what is missing.
    """


class LedgerNotMigrated(LedgerError):
    """The schema is missing or of another version.

    What to do: Run `asyncevents db upgrade`.
    """


class BrokerError(AsyncEventsError):
    """The broker cannot do what was asked. `publish()` never raises it."""


class BrokerUnavailable(BrokerError):
    """The broker does not answer.

    What to do: Look after the broker. Events are delivered meanwhile, later than usual.
    """


class InvalidQuery(AsyncEventsError):
    """The query cannot be understood; the text shows where, and what was expected there.

    `position` counts characters of `query` from 0; at its end it is the query's length. An
    engine that cannot do what the query means gives no text, and what it needs as `expected`.

    What to do: Correct the query as the text says.
    """

    def __init__(self, query: str, position: int, expected: str, *, found: str = "") -> None:
        self.query = query
        self.position = position
        self.expected = expected
        self.found = found
        instead = f", found {found}" if found else ""
        if not query.strip():
            super().__init__(f"expected {expected}{instead}")
            return
        pointed = _pointed(query, position)
        super().__init__(f"position {position + 1}: expected {expected}{instead}{pointed}")


class IndexerError(AsyncEventsError):
    """The index cannot do what was asked."""


class IndexUnavailable(IndexerError):
    """The index cannot be reached, opened or written.

    What to do: Look after the index. Deliveries go on.
    """


class SearchOff(IndexerError):
    """There is no index: INDEXER is None, or unset and the extra `search` is not installed.

    What to do: Install the extra `search`, or set INDEXER.
    """


class IndexBusy(IndexerError):
    """Another process has the index and does not give it up.

    What to do: Try again later.
    """


class SearchTimeout(IndexerError):
    """A search took longer than SEARCH_TIMEOUT allows.

    What to do: Name a field, add a condition, or allow more time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"the search took longer than {seconds:g} s. Leading wildcards and regular "
            "expressions over all fields are slow: name a field, add a condition, or allow more "
            "by SEARCH_TIMEOUT"
        )


class EagerDeliveryFailed(AsyncEventsError):
    """With EAGER = True, a service or a sink failed inside `publish()`. The event is published.

    What to do: Correct the service or the recipient. In production EAGER is off.
    """


_SHOWN: Final = 60


def _pointed(text: str, position: int) -> str:
    """Return two lines that show a place in a text, with what stands around it."""
    start = max(0, position - _SHOWN)
    shown = text[start : position + _SHOWN]
    printable = "".join(char if char.isprintable() else " " for char in shown)
    return f"\n  {printable}\n  {' ' * (position - start)}^"


def suggestion(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `` (did you mean 'x' or 'y'?)`` for the close matches, else an empty text.

    `cutoff` is how close: 1.0 is the same.
    """
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=cutoff)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
