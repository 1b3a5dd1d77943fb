"""Writes the distribution of a new plugin from the templates beside this module.

A template is a file of `templates/` with the ending ``.tmpl``: `string.Template` text, in a folder
tree that is the distribution's own, save that `package` stands for the package's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template
from types import MappingProxyType
from typing import Final

from attrs import frozen

from asyncevents_core.plugin_api import PLUGIN_API

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME: Final = 40
PREFIX: Final = "asyncevents-"

_ENDING: Final = ".tmpl"
_PACKAGE: Final = "package"


@frozen(kw_only=True)
class Kind:
    """A kind of plugin that can be begun: its folders of templates, and what is said of it.

    `replace` names the file that holds what the author will put something else in place of.
    """

    templates: Sequence[str]
    title: str
    description: str
    replace: str


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "sink": Kind(
            templates=("common", "sink", "sink-async"),
            title="Lines over TCP",
            description="The sink {name} of asyncevents: delivers events on an asynchronous client",
            replace="wire.py",
        ),
        "sink --blocking": Kind(
            templates=("common", "sink", "sink-blocking"),
            title="Lines over TCP",
            description="The sink {name} of asyncevents: delivers events with a client that blocks",
            replace="wire.py",
        ),
        "sink --batching": Kind(
            templates=("common", "sink", "sink-batching"),
            title="Lines over TCP, in batches",
            description="The sink {name} of asyncevents: delivers many events in one call",
            replace="wire.py",
        ),
        "resolver": Kind(
            templates=("common", "resolver"),
            title="Services in the table of a module",
            description="The service resolver {name} of asyncevents: finds services by name",
            replace="resolver.py",
        ),
        "retry-manager": Kind(
            templates=("common", "retry-manager"),
            title="A timetable in memory",
            description="The retry manager {name} of asyncevents: wakes deliveries up in time",
            replace="timetable.py",
        ),
        "indexer": Kind(
            templates=("common", "indexer"),
            title="Terms in memory",
            description="The indexer {name} of asyncevents: makes attempts searchable",
            replace="store.py",
        ),
        "events": Kind(
            templates=("common", "events"),
            title="Events of a shop",
            description="The events {name} for asyncevents, and what they carry",
            replace="services.py",
        ),
        "command": Kind(
            templates=("common", "command"),
            title="Who subscribed to what",
            description="The command asyncevents {name}",
            replace="command.py",
        ),
        "retry-policy": Kind(
            templates=("common", "retry-policy"),
            title="Tries again in business hours",
            description="The retry policy {name} of asyncevents: when to try again",
            replace="policy.py",
        ),
        "observer": Kind(
            templates=("common", "observer"),
            title="Counts attempts",
            description="The observer {name} of asyncevents: hears what happens",
            replace="observer.py",
        ),
    }
)


@frozen(kw_only=True)
class NewDistribution:
    """What is to be written: a kind of plugin under a name that fits `NAME`."""

    kind: Kind
    name: str
    core: str
    """The version of core that it is written for."""

    @property
    def distribution(self) -> str:
        """The name to install it by."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """The name to import it by."""
        return self.distribution.replace("-", "_")

    @property
    def class_prefix(self) -> str:
        """What its classes begin with."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    def files(self) -> Iterator[tuple[PurePosixPath, str]]:
        """Return its files: paths below its folder, and texts."""
        values = {
            "name": self.name,
            "distribution": self.distribution,
            "package": self.package,
            "prefix": self.class_prefix,
            "title": self.kind.title,
            "description": self.kind.description.format(name=self.name),
            "plugin_api": str(PLUGIN_API),
            "core": self.core,
        }
        for folder in self.kind.templates:
            root = files("asyncevents_core.cli").joinpath("templates", folder)
            for path, template in _walk(root, PurePosixPath()):
                yield self._path(path), Template(template).substitute(values)

    def write(self, folder: Path) -> list[Path]:
        """Write the files below a folder, over those that are there; return their paths.

        Raises `OSError`.
        """
        written = []
        for relative, text in self.files():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
        return sorted(written)

    def _path(self, template: PurePosixPath) -> PurePosixPath:
        parts = [self.package if part == _PACKAGE else part for part in template.parts]
        return PurePosixPath(*parts).with_name(template.name.removesuffix(_ENDING))


def _walk(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        elif entry.name.endswith(_ENDING):
            yield path / entry.name, entry.read_text(encoding="utf-8")
