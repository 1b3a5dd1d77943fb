"""What plugins register, by name, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, Literal, TypeVar

from attrs import field, frozen

from asyncevents_core.errors import DuplicateName, UnknownName, suggestion

T = TypeVar("T")

CORE: Final = "asyncevents-core"
_KNOWN_HOMES: Final = {
    "http": "asyncevents-http",
    "mcp": "asyncevents-http",
    "eventbridge": "asyncevents-aws",
    "sqs": "asyncevents-aws",
    "sns": "asyncevents-aws",
    "kinesis": "asyncevents-aws",
    "s3": "asyncevents-aws",
    "pubsub": "asyncevents-gcp",
    "eventgrid": "asyncevents-azure",
    "servicebus": "asyncevents-azure",
    "amqp": "asyncevents-amqp",
    "celery": "asyncevents-celery",
}
_NAME: Final = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
_LONGEST_NAME: Final = 64


@frozen(kw_only=True)
class PluginSource:
    """Where a plugin comes from: its name and its distribution."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} {self.version}".rstrip()


@frozen(kw_only=True)
class PluginProblem:
    """What is wrong with a plugin, and with which.

    With a "warning" all of it works nevertheless.
    """

    source: PluginSource
    message: str
    severity: Literal["error", "warning"] = field(default="error")

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


@frozen(kw_only=True)
class Registered(Generic[T]):
    """A registered object, and who registered it."""

    name: str
    value: T
    source: PluginSource


class Registry(Generic[T]):
    """Objects of one kind by name. Immutable; iterating gives `Registered`, by name."""

    def __init__(self, kind: str, entries: Iterable[Registered[T]]) -> None:
        self._kind = kind
        self._entries: dict[str, list[Registered[T]]] = {}
        for entry in entries:
            self._entries.setdefault(entry.name, []).append(entry)

    def __iter__(self) -> Iterator[Registered[T]]:
        for name in self.names():
            yield from self._entries[name]

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> T:
        """Return the object of that name.

        Raises `UnknownName`, with close matches and what to install, or `DuplicateName`.
        """
        entries = self._entries.get(name)
        if entries is None:
            raise UnknownName(self.unknown(name))
        if len(entries) > 1:
            raise DuplicateName(self._duplicate(name, entries))
        return entries[0].value

    def duplicates(self) -> list[PluginProblem]:
        """Return a problem for each name that is registered more than once."""
        return [
            PluginProblem(source=entries[-1].source, message=self._duplicate(name, entries))
            for name, entries in sorted(self._entries.items())
            if len(entries) > 1
        ]

    def unknown(self, name: str, *, also: Iterable[str] = ()) -> str:
        """Say that there is no such name, what is like it, and what to install.

        `also` are more names that would do.
        """
        text = f"unknown {self._kind} {name!r}"
        if self._kind == "sink" and name in _KNOWN_HOMES:
            return f"{text}: pip install {_KNOWN_HOMES[name]}"
        known = [*self._entries, *also]
        if self._kind == "sink":
            known += _KNOWN_HOMES
        installed = ", ".join(self.names()) or "none"
        return f"{text}{suggestion(name, dict.fromkeys(known))}; installed: {installed}"

    def _duplicate(self, name: str, entries: Sequence[Registered[T]]) -> str:
        both = " and ".join(str(entry.source) for entry in entries)
        return (
            f"{self._kind} {name!r} is registered by {both}: uninstall one of them, or name it in "
            "PLUGINS_BLOCKED"
        )


def check_name(name: object) -> str:
    """Return the name of something that a plugin registers. Raises ValueError for what is none."""
    if isinstance(name, str) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name):
        return name
    raise ValueError(
        f"{name!r} is no name: it takes lower-case letters and digits, with '-', '_' or '.' between"
    )
