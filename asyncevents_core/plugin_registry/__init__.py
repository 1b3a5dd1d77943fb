"""Finds plugins, calls their hooks, and keeps what they register, by name.

What is wrong with a plugin is a `PluginProblem` that names it and its distribution; the rest of
it, and all others, keep working. `registry` is what they register, `hooks` calls them through
pluggy, `loading` finds and imports them.
"""

from asyncevents_core.plugin_registry.loading import core_version as core_version
from asyncevents_core.plugin_registry.loading import load_plugins as load_plugins
from asyncevents_core.plugin_registry.plugin_set import PluginSet as PluginSet
from asyncevents_core.plugin_registry.registry import CORE as CORE
from asyncevents_core.plugin_registry.registry import PluginProblem as PluginProblem
from asyncevents_core.plugin_registry.registry import PluginSource as PluginSource
from asyncevents_core.plugin_registry.registry import Registered as Registered
from asyncevents_core.plugin_registry.registry import Registry as Registry
