"""`python -m tests.site.errors_page`: writes docs/reference/errors.md from the errors themselves.

What an error means, and what to do about it, is in its docstring. The page has it as a table, with
links to what the words mean.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from asyncevents_core import errors

_ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = _ROOT / "docs" / "reference" / "errors.md"
_TO_DO: Final = "What to do: "
_MORE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SettingsError": "[Settings](settings.md)",
        "PluginError": "[Hooks](hooks.md)",
        "DuplicateName": "[`PLUGINS_BLOCKED`](settings.md)",
        "UnknownEvent": "[`EVENTS`](settings.md#events)",
        "UnusableEvent": "[Describe your events](../how-to/describe-events.md)",
        "InvalidPayload": "[What can be published](python.md#what-can-be-published)",
        "PayloadTooLarge": "[Settings](settings.md)",
        "ForeignTransaction": "[Publish in your transaction](../how-to/transactions.md)",
        "InvalidOptions": "[HTTP](http.md)",
        "InvalidSecret": "[Rotate secrets](../how-to/rotate-secrets.md)",
        "InvalidFilter": "[Filters](filters.md)",
        "FilterFailed": "[Filters](filters.md#failures)",
        "SecretKeysError": "[Rotate the key](../how-to/run-in-production.md#rotate-the-key)",
        "AccessDenied": "[Access](rest.md#access)",
        "SignInRefused": "[People](../how-to/serve.md#people)",
        "IdempotencyConflict": "[REST API](rest.md)",
        "ReplayRefused": "[Find out what became of an event](../how-to/find-an-event.md)",
        "ServiceError": "[Slow and dangerous services](../how-to/services.md)",
        "LedgerUnavailable": "[What stands still](../explanation/guarantees.md#what-stands-still)",
        "LedgerProtected": "[Test code that publishes](../how-to/testing.md)",
        "LedgerNotMigrated": "[Upgrade without a break](../how-to/upgrade.md)",
        "BrokerUnavailable": "[What a message means](../how-to/troubleshoot.md)",
        "InvalidQuery": "[Search](search.md)",
        "SearchOff": "[Where it is kept](search.md#where-it-is-kept)",
        "SearchTimeout": "[Search](search.md)",
        "EagerDeliveryFailed": "[Test code that publishes](../how-to/testing.md)",
    }
)
_BEGINNING: Final = """\
# Errors

This page is for developers who handle what asyncevents raises. It lists every exception, with what
to do about it. It is made of the docstrings in
[`errors.py`](../../asyncevents_core/errors.py), by `make reference`.

Import errors from `asyncevents_core.errors`. Their texts say what is wrong and what to do next. A
class catches those that are indented below it:

```python
from asyncevents_core import AsyncEvents
from asyncevents_core.errors import PublishError

events = AsyncEvents({"EVENTS": {"sales.order.created": {}}})
try:
    events.publish("sales.order.craeted", {"id": 45})
except PublishError as error:
    print(error)  # unknown event 'sales.order.craeted' (did you mean 'sales.order.created'?) …
```

What an *attempt* comes to is no exception but an [outcome](outcomes.md), and what workers log is
explained in [What a message means](../how-to/troubleshoot.md).

| error | when | what to do | more |
|---|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    return _BEGINNING + "".join(f"{_row(error, depth)}\n" for error, depth in _tree(Exception, -1))


def _tree(parent: type[BaseException], depth: int) -> Iterator[tuple[type[BaseException], int]]:
    """Yield the errors below one, each with how deep it is, in the order in which they stand."""
    public = {getattr(errors, name) for name in errors.__all__}
    for error in vars(errors).values():
        if inspect.isclass(error) and error in public and error.__bases__[0] is parent:
            yield error, depth + 1
            yield from _tree(error, depth + 1)


def _row(error: type[BaseException], depth: int) -> str:
    # What all have in common is above; the base itself is as deep as those below it.
    dashes = "— " * max(depth - 1, 0)
    text, _, to_do = (inspect.getdoc(error) or "").partition(_TO_DO)
    more = _MORE.get(error.__name__, "")
    return f"| {dashes}`{error.__name__}` | {_cell(text)} | {_cell(to_do)} | {more} |"


def _cell(text: str) -> str:
    """Return a docstring's text as that of a cell: settings are code, and nothing ends a cell."""
    words = " ".join(text.replace("``", "`").replace("|", "\\|").split())
    return re.sub(r"(?<![`A-Z_])([A-Z]{2,}(?:_[A-Z]+)+|EAGER|INDEXER)(?![`A-Z_])", r"`\1`", words)


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page())
    print(PAGE.relative_to(_ROOT))


if __name__ == "__main__":
    main()
