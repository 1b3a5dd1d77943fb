"""The process that workers are forked from: it has imported what they need, and nothing else.

What is the application's own, as its settings module, its events and its services, is never
imported here: that may start threads, and hold connections. A process of its own looks at it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NoReturn

from attrs import asdict, evolve, field, frozen

from asyncevents_core.runtime import Runtime
from asyncevents_core.worker.exits import EXIT_AT_ONCE, EXIT_OK, time_to_end
from asyncevents_core.worker.forking import can_fork, fork, no_fork, open_sockets
from asyncevents_core.worker.lifeline import die_with_parent

_FIRST: Final = ("asyncevents_core.adapters.sqlalchemy", "asyncevents_core.adapters.kombu")
"""What every worker needs, and imports when it is about to begin."""
_OPTIONAL: Final = "uvloop"
_LIBRARIES: Final = frozenset(
    {
        "amqp",
        "asyncevents_core",
        "kombu",
        "psycopg",
        "psycopg2",
        "psycopg_binary",
        "psycopg_c",
        "pymysql",
        "redis",
        "sqlalchemy",
        "vine",
    }
)
"""Of these packages all is imported that is needed for these settings."""
_HARMLESS: Final = frozenset({"DJANGO_SETTINGS_MODULE"})
"""What an application may set in its environment: none of `_LIBRARIES` looks for it."""


def _names(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(found)


@frozen(kw_only=True)
class Findings:
    """What a look at the application found.

    `within` are the seconds in which a worker has ended that is told to stop, `indexing` is
    whether an index is to be fed. `modules` are to be imported before workers are forked, in this
    order. `changed` is what the application has changed in its environment, by name.
    """

    within: float
    indexing: bool
    modules: tuple[str, ...] = field(default=(), converter=_names)
    changed: tuple[str, ...] = field(default=(), converter=_names)

    @classmethod
    def of(cls, runtime: Runtime) -> Findings:
        """Return what there is to be known where nothing is forked."""
        return cls(
            within=time_to_end(runtime.settings.shutdown_grace),
            indexing=runtime.indexer is not None,
        )


class Template:
    """This process, as what workers are forked from. For its main thread.

    To be made before anything is imported that is the application's. `ours`: whether this process
    runs nothing but the command; in a child of another program the rest of that would go on.
    """

    def __init__(self, *, ours: bool) -> None:
        self._against: str | None = None
        if not ours:
            self._against = "the command is part of another program"
        elif not can_fork():
            self._against = "this system is not Linux"
        self._sockets = frozenset[str]() if self._against else open_sockets()

    def look(self, prepare: Callable[[], Runtime]) -> Findings:
        """Let `prepare` import the application, and return what is found then.

        That is done in a process that is forked for it, or in this one, where that is not
        possible; then nothing will be forked. What `prepare` raises passes through, in that
        process, too; this one ends with its exit code then, since it has told what is wrong.
        """
        if self._against is None:
            for name in _FIRST:
                importlib.import_module(name)
            with suppress(ImportError):
                importlib.import_module(_OPTIONAL)
            self._against = no_fork(self._sockets)
        if self._against is not None:
            return Findings.of(prepare())
        answer = os.memfd_create("findings")
        child = fork()
        if child is None:
            _answer(answer, prepare)
        code = child.wait()
        if code != EXIT_OK:
            sys.exit(code if code > 0 else EXIT_AT_ONCE)
        with os.fdopen(answer, "rb") as file:
            file.seek(0)
            return Findings(**json.loads(file.read()))

    def warm_up(self, findings: Findings) -> str | None:
        """Import what was found; return why this process is not to be forked, None if it may be."""
        if self._against is None and findings.changed:
            # Libraries may look for it when they are imported.
            self._against = f"the application sets {', '.join(findings.changed)} in os.environ"
        if self._against is None:
            self._against = self._import(findings)
        if self._against is None:
            # What is left in memory is shared; a collection in a child would write to all of it.
            gc.collect()
            gc.freeze()
        return self._against

    def _import(self, findings: Findings) -> str | None:
        for name in findings.modules:
            try:
                importlib.import_module(name)
            except Exception as error:
                return f"{name} cannot be imported before the application: {error!r}"
        return no_fork(self._sockets)


def _answer(descriptor: int, prepare: Callable[[], Runtime]) -> NoReturn:
    """Be the process that looks: write what is found, and end. Raises what `prepare` raises."""
    # Of Ctrl-C the parent tells; this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()
    environment, modules = dict(os.environ), set(sys.modules)
    runtime = prepare()
    imported = [one for one in sys.modules if one not in modules]
    ours = [one for one in imported if one.partition(".")[0] in _LIBRARIES]
    found = evolve(
        Findings.of(runtime),
        modules=(*ours, *runtime.plugins.preloaded()),
        changed=sorted(_changed(environment)),
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(asdict(found)).encode())
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    # Threads of the application, or what it does at its exit, could hold it up.
    os._exit(EXIT_OK)


def _changed(before: dict[str, str]) -> set[str]:
    now = dict(os.environ)
    names = {one for one in (*before, *now) if before.get(one) != now.get(one)}
    return names - _HARMLESS
