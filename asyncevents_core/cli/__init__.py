"""The command line: `asyncevents`."""

from asyncevents_core.cli.app import main

__all__ = ["main"]
