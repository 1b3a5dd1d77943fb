"""`asyncevents logs --follow`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.outcome import OutcomeKind
from tests.unit.commandline import PATIENCE, Shell
from tests.unit.logged import log


class Following:
    """`asyncevents logs --follow …` as a process of its own, waiting for attempts."""

    def __init__(self, shell, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asyncevents_core", "logs", "--follow", *arguments],
            cwd=shell.folder,
            env=shell.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "Waiting for new attempts" in self._process.stderr.readline()

    def line(self):
        return self._process.stdout.readline()

    def interrupt(self):
        """Press Ctrl-C; return the exit code, and what was printed meanwhile."""
        self._process.send_signal(signal.SIGINT)
        out, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, out, err

    def kill(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path, ASYNCEVENTS_SETTINGS_MODULE="mine")
    shell.near("init", "mine")
    shell.near("db", "upgrade")
    return shell


@pytest.fixture
def ledger(shell):
    made = SqlLedger(f"sqlite:///{shell.folder}/asyncevents.db", cipher=Cipher([]))
    yield made
    made.close()


@pytest.fixture
def follow(shell):
    with ExitStack() as stack:

        def start(*arguments):
            following = Following(shell, *arguments)
            stack.callback(following.kill)
            return following

        yield start


def test_new_attempts_are_printed_as_they_are_written(ledger, follow):
    log(ledger)
    following = follow()
    for _ in range(2):  # the second is written after the first was printed
        written = log(ledger, detail="HTTP 200", duration=0.25)
        line = following.line()
        assert str(written) in line
        assert line.endswith("  order.created  1  delivered  HTTP 200  250 ms\n")


def test_ctrl_c_is_the_way_to_end_it(follow):
    assert follow().interrupt() == (0, "", "")


def test_one_object_a_line_with_filters(ledger, follow):
    following = follow("--json", "--failed", "--event", "order.paid")
    log(ledger, name="order.paid")
    log(ledger, outcome=OutcomeKind.RETRYABLE)
    written = log(ledger, name="order.paid", outcome=OutcomeKind.RETRYABLE)
    row = json.loads(following.line())
    assert (row["uuid"], row["outcome"]) == (str(written), "retryable")
    assert following.interrupt() == (0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["data.id: 1"],
        ["--csv", "x.csv"],
        ["--since", "2026-11-24"],
        ["--until", "2026-11-24"],
        ["--limit", "3"],
        ["--before", "3"],
    ],
    ids=" ".join,
)
def test_what_does_not_go_with_it_is_refused(ready, arguments):
    output = ready("logs", "-f", *arguments, code=2).output
    assert "--follow prints what comes: leave out QUERY, --csv" in output
