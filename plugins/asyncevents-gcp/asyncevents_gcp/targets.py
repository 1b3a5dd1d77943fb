"""Targets: topics, as a full name or as a bare one."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from asyncevents_core.errors import InvalidTarget

# https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
# Ids, numbers, and ids within a domain ("example.com:shop").
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,127}")
_FULL: Final = re.compile(r"projects/([^/]*)/topics/([^/]*)")


@frozen
class Topic:
    """A topic; `project` is None where the target names the topic only."""

    project: str | None
    name: str

    def path(self, project: str) -> str:
        """Return the full name, in `project` unless the target names one."""
        return f"projects/{self.project or project}/topics/{self.name}"


def parse_target(target: str) -> Topic:
    """Read `projects/P/topics/T` or `T`. Raises `InvalidTarget`."""
    full = _FULL.fullmatch(target)
    if full is None and "/" in target:
        raise InvalidTarget(
            f"{target!r} is not a topic: write projects/PROJECT/topics/TOPIC, or TOPIC"
        )
    project, name = full.groups() if full else (None, target)
    if project is not None:
        check_project(project)
    if not _NAME.fullmatch(name):
        raise InvalidTarget(
            f"{name!r} is not the name of a topic: 3 to 255 letters, digits and -._~+%, "
            "starting with a letter"
        )
    if name.startswith("goog"):
        raise InvalidTarget(f"{name!r}: the name of a topic does not begin with 'goog'")
    return Topic(project, name)


def check_project(project: str) -> None:
    """Raise `InvalidTarget` unless this can be a project's id or number."""
    if not _PROJECT.fullmatch(project):
        raise InvalidTarget(f"{project!r} is not the id of a project")
