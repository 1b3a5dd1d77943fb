"""A plugin with a sink that has options, for forms and rights; nothing is delivered to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import field, frozen

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import SECRET, NoOptions, Sink, SinkType, hookimpl
from asyncevents_core.ports.sink import AnySinkType


@frozen(kw_only=True)
class ShelfOptions:
    headers: Mapping[str, str] = field(factory=dict)
    level: Literal["low", "high"] = "low"
    weight: float | None = None
    labels: tuple[str, ...] = ()
    token: str = field(default="", metadata={SECRET: True})


ICON = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>'


class ShelfType(SinkType[NoOptions, ShelfOptions]):
    """A sink that has options; nothing is ever delivered to it here."""

    name = "shelf"
    title = "Shelf"
    icon = ICON
    config_class = NoOptions
    options_class = ShelfOptions

    def validate_target(self, target: str, config: NoOptions) -> None:
        if not target.startswith("shelf:"):
            raise InvalidTarget(f"{target!r} is not a shelf")

    def privileges(self, options: ShelfOptions, target: str, config: NoOptions) -> Sequence[str]:
        return (f"label:{list(options.labels)}",) if options.labels else ()

    def open(self, config: NoOptions) -> Sink:
        raise AssertionError("nothing is delivered to a shelf")


class Shelves:
    """A plugin."""

    @staticmethod
    @hookimpl
    def asyncevents_register_sinks() -> list[AnySinkType]:
        return [ShelfType()]
