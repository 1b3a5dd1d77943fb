"""The version of what plugins rely on."""

from typing import Final

PLUGIN_API: Final = 1
"""The number of the plugin API: hooks, and what `asyncevents_core.plugin` exports.

It grows where something is changed or removed that plugins use, not where something is added. What
is to go works for one number more, with a warning. docs/reference/hooks.md has the policy, and what
changed with each number.
"""
