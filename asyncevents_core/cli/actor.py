"""Who sits at the command line: trusted, for whoever has the settings has the database."""

from __future__ import annotations

import getpass
import os

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.limits import LONGEST_NAME
from asyncevents_core.settings.schema import Settings


def user_name() -> str:
    """Return the name of the shell's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def local_actor(settings: Settings, *, name: str | None = None) -> Actor:
    """Return the shell's user, or whoever `name` says, as an actor; audited as ``cli:NAME``.

    It may do everything but what takes an event's own resources: of these it has CLI_RESOURCES.
    """
    resources = frozenset({Resource.MANAGE.value, *settings.cli_resources})
    return Actor(who=f"cli:{name or user_name()}"[:LONGEST_NAME], resources=resources)
