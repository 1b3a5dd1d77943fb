"""What operators configure, what a subscription may choose, and the targets. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from attrs import Attribute, field, frozen, validators

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import HELP, DeliveryRequest

_FORM: Final = "celery://APP/TASK"
_TARGET: Final = re.compile(r"celery://(?P<app>[A-Za-z0-9_.-]{1,64})/(?P<task>[\w.:<>-]{1,255})")
_WHERE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
NAMED: Final = "named"
EVENT: Final = "event"
TEXT: Final = "text"


class NotNamed(ValueError):
    """The data of an event are no named arguments."""


def _where(_: object, __: Attribute[Any], value: str) -> None:
    if not _WHERE.fullmatch(value):
        raise ValueError(f"{value!r} is not where an application is: write MODULE:NAME")


def _tasks(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    for one in value:
        if not one or "*" in one.removesuffix("*"):
            raise ValueError(f"{one!r} is no task: write its name, or PREFIX.* for all below it")


@frozen(kw_only=True)
class CeleryApp:
    """A Celery application, and which of its tasks subscriptions may call.

    `app` is where it is, ``MODULE:NAME`` as for ``celery --app``. `tasks` are names of tasks, or
    ``shop.tasks.*`` for all that begin so.
    """

    app: str = field(validator=_where)
    tasks: tuple[str, ...] = field(converter=tuple, validator=_tasks)

    def allows(self, task: str) -> bool:
        """Tell whether subscriptions may call this task."""
        return any(fnmatchcase(task, one) for one in self.tasks)


@frozen(kw_only=True)
class CeleryConfig:
    """SINKS["celery"]. `timeout` is in seconds: for one attempt, connecting included.

    `apps` are the applications by the names that targets have for them.
    """

    apps: Mapping[str, CeleryApp] = field(factory=dict)
    timeout: float = field(default=10.0, validator=validators.gt(0))


@frozen(kw_only=True)
class CeleryOptions:
    """What a subscription may choose."""

    arguments: str = field(
        default=NAMED,
        validator=validators.in_((NAMED, EVENT, TEXT)),
        metadata={
            HELP: "What the task is called with. named: the members of the data, as named "
            "arguments. event: the CloudEvent, as one dictionary. text: the same, as one text."
        },
    )
    queue: str | None = field(
        default=None,
        validator=validators.optional(
            validators.and_(validators.min_len(1), validators.max_len(255))
        ),
        metadata={HELP: "The queue to send to, instead of where the application routes the task."},
    )


@frozen(kw_only=True)
class Target:
    """A task of an application of the settings, by its name there."""

    app: str
    where: str
    task: str


def read_target(text: str, config: CeleryConfig) -> Target:
    """Read celery://APP/TASK. Raises `InvalidTarget`, also where the settings do not allow it."""
    found = _TARGET.fullmatch(text)
    if found is None:
        raise InvalidTarget(f"{text!r} does not have the form {_FORM}")
    app = config.apps.get(found["app"])
    if app is None:
        known = ", ".join(sorted(config.apps)) or "none"
        raise InvalidTarget(
            f"SINKS['celery']['apps'] has no application {found['app']!r}; it has: {known}"
        )
    if not app.allows(found["task"]):
        raise InvalidTarget(
            f"SINKS['celery']['apps'][{found['app']!r}]['tasks'] does not have {found['task']!r}; "
            "add it if it is meant"
        )
    return Target(app=found["app"], where=app.app, task=found["task"])


def arguments_of(request: DeliveryRequest) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the task, positional and named. Raises `NotNamed`."""
    options: CeleryOptions = request.options
    if options.arguments == TEXT:
        return [request.body.decode()], {}
    event = json.loads(request.body)
    if options.arguments == EVENT:
        return [event], {}
    data = event.get("data")
    if not isinstance(data, dict):
        raise NotNamed(
            "the data of the event are no object, so they are no named arguments; the option "
            f"arguments={EVENT} calls the task with the whole event"
        )
    return [], data
