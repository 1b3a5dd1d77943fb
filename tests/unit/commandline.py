"""Runs the command line: in this process, or as users do."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from asyncevents_core.cli.app import cli

PATIENCE = 120


class Cli:
    """Runs `asyncevents …` and checks how it ends."""

    def __call__(self, *arguments, code=0, stdin=None):
        result = CliRunner().invoke(cli, list(arguments), input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def rows(self, *arguments, code=0):
        found = self(*arguments, "--json", code=code).stdout
        return [json.loads(line) for line in found.splitlines()]

    def id_of(self, *arguments):
        return self(*arguments).stdout.strip()


class Shell(Cli):
    """Runs `python -m asyncevents_core …` in a folder; `near` does so in this process."""

    def __init__(self, folder, **environ):
        self.folder = folder
        self.changed = environ
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ASYNCEV")}
        self.environ = {**kept, "COLUMNS": "200", **environ}
        self.near = Near(self)

    def __call__(self, *arguments, code=0, stdin=None):
        result = subprocess.run(
            [sys.executable, "-m", "asyncevents_core", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=PATIENCE,
        )
        assert result.returncode == code, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result


class Near(Cli):
    """Runs `asyncevents …` in the folder of a shell, but in this process."""

    def __init__(self, shell):
        self.shell = shell

    def __call__(self, *arguments, code=0, stdin=None):
        with contextlib.chdir(self.shell.folder), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "path", sys.path[:])
            for name, value in self.shell.changed.items():
                patch.setenv(name, value)
            return super().__call__(*arguments, code=code, stdin=stdin)
