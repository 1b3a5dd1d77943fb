"""`manage.py asyncevents …`: the command line of asyncevents, with Django set up."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from asyncevents_core.cli import main
from asyncevents_django.bridge import MODULE


class Command(BaseCommand):
    """Hands its arguments to the command line of asyncevents."""

    help = "Any command of asyncevents: worker, status, logs, trace, replay, subscribe, …"
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run what was typed; Django's own parser would take its options for Django's."""
        program = f"{os.path.basename(argv[0])} {argv[1]}"
        # These were heard before, when Django was set up.
        options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        options.add_argument("--settings")
        options.add_argument("--pythonpath")
        _, arguments = options.parse_known_args(argv[2:])
        # Workers may be programs of their own, which have to find the project.
        paths = [sys.path[0] or os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        try:
            main(["--settings", MODULE, *arguments], within=program)
        finally:
            connections.close_all()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take all for `call_command`."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def handle(self, *_: Any, arguments: Sequence[str], **options: Any) -> None:
        """Run the arguments of `call_command`. Raises `CommandError` where the command fails."""
        output, errors = options.get("stdout"), options.get("stderr")
        with redirect_stdout(output or sys.stdout), redirect_stderr(errors or sys.stderr):
            try:
                main(["--settings", MODULE, *arguments], within="manage.py asyncevents")
            except SystemExit as ended:
                if ended.code:
                    text = f"asyncevents {' '.join(arguments)}: failed"
                    raise CommandError(text, returncode=1) from None
