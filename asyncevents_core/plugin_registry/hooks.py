"""Calls hooks through pluggy, one plugin at a time: one that fails does not silence others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import pluggy

from asyncevents_core import hookspecs
from asyncevents_core.errors import suggestion
from asyncevents_core.hookspecs import PROJECT
from asyncevents_core.plugin_registry.registry import PluginSource

logger = logging.getLogger("asyncevents.plugins")

T = TypeVar("T")

_NAMED_AFTER: Final = 5.0
"""Seconds after which what a plugin still does is named in the log."""
HOOK_PREFIX: Final = "asyncevents_"
NOT_OURS: Final = (KeyboardInterrupt,)
"""What passes through wherever the code of plugins is run; anything else is theirs."""


class Hooks(pluggy.PluginManager):
    """pluggy's manager, for the hooks of asyncevents.

    A hook's implementation that fits no specification is left out, and said in `problems`; the
    others of the same plugin are there.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self.add_hookspecs(hookspecs)
        self.problems: list[str] = []
        self._sources: list[tuple[object, PluginSource]] = []

    def add(self, plugin: object, source: PluginSource) -> list[str]:
        """Register a plugin; return what is wrong with it. Raises nothing that is the plugin's."""
        self.problems = []
        try:
            # Objects of one class may have the same name.
            self.register(plugin, name=f"{source.distribution}:{source.plugin}:{id(plugin)}")
        except NOT_OURS:
            raise
        except BaseException as error:
            return [*self.problems, f"cannot be looked through: {one_line(error)}"]
        self._sources.append((plugin, source))
        return self.problems

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """See pluggy: return how a member implements a hook; None where it does not."""
        try:
            found = super().parse_hookimpl_opts(plugin, name)
        except NOT_OURS:
            raise
        except BaseException:
            # A member that cannot even be read is no function that is marked.
            return None
        if found is None:
            return None
        hook = found.get("specname") or name
        caller: pluggy.HookCaller | None = getattr(self.hook, hook, None)
        if caller is None or not caller.has_spec():
            if not found.get("optionalhook"):
                known = [one for one in dir(hookspecs) if one.startswith(HOOK_PREFIX)]
                self.problems.append(f"there is no hook {hook!r}{suggestion(hook, known)}")
            return None
        try:
            self._verify_hook(caller, pluggy.HookImpl(plugin, name, getattr(plugin, name), found))
        except pluggy.PluginValidationError as error:
            self.problems.append(f"a hook implementation does not fit: {one_line(error)}")
            return None
        return found

    def calls(self, hook: str) -> Iterator[tuple[PluginSource, Callable[..., Any]]]:
        """Return who implements a hook, and what calls it for that plugin alone.

        Those that ask to be first (`tryfirst`) come first, then the others as they were loaded,
        those with `trylast` last. Wrappers are around each of the calls. What is called returns
        what pluggy does: the list of results.
        """
        caller: pluggy.HookCaller = getattr(self.hook, hook)
        found = caller.get_hookimpls()
        plain = [one for one in found if not (one.wrapper or one.hookwrapper)]
        callers = {id(one.plugin): one.plugin for one in plain}
        ranks = {id(one.plugin): _rank(one) for one in plain}
        sources = [pair for pair in self._sources if id(pair[0]) in callers]
        for plugin, source in sorted(sources, key=lambda pair: ranks[id(pair[0])]):
            # A plugin that also returns something of its own is a wrapper of its own calls only.
            others = [one for key, one in callers.items() if key != id(plugin)]
            yield source, self.subset_hook_caller(hook, remove_plugins=others)

    @property
    def sources(self) -> Sequence[tuple[object, PluginSource]]:
        """The plugins that are registered, and where they come from."""
        return self._sources


def _rank(implementation: pluggy.HookImpl) -> int:
    return implementation.trylast - implementation.tryfirst


def named_when_slow(what: str, work: Callable[[], T]) -> T:
    """Do some work of a plugin; if it takes long, the log says `what`, so that a hang is named."""
    timer = threading.Timer(_NAMED_AFTER, logger.warning, [what])
    timer.daemon = True
    timer.start()
    try:
        return work()
    finally:
        timer.cancel()


def one_line(error: BaseException) -> str:
    """Return an error in one line, with its type where it says nothing else."""
    text = " ".join(str(error).split())
    known = isinstance(error, pluggy.PluginValidationError)
    return text if known and text else repr(error)
