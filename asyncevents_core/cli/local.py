"""Who sits at the command line: trusted, for whoever has the settings has the database."""

from __future__ import annotations

import getpass
import os

from asyncevents_core.domain.access import LONGEST_WHO, Actor


def user_name() -> str:
    """Return the name of the shell's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def local_actor() -> Actor:
    """Return the shell's user as an actor that may do everything; audited as ``cli:NAME``."""
    return Actor.trusted(f"cli:{user_name()}"[:LONGEST_WHO])
