"""Nothing that a client or a recipient sends steers a terminal or makes up a line of the log."""

from __future__ import annotations

import json
import logging

import click
import pytest
from click.testing import CliRunner

from asyncevents_core.cli.app import CommandGroup
from asyncevents_core.cli.output import json_lines
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.logging_setup import JsonFormatter, TextFormatter

STEERING = [
    "\x1b[2J",  # clears the screen
    "\x9b2J",  # the same, of C1
    "\x07",
    "\x08",
    "\r",
    "\x85",  # a line end of C1
    "\u2028",
    "\u202e",  # turns the direction round
    "\u2066",
    "\u200f",
    "\x7f",
    "\ufeff",
]


def record(message, error=None, **extra):
    made = logging.makeLogRecord({"msg": message, "levelname": "WARNING", "name": "a", **extra})
    if error is not None:
        made.exc_info = (type(error), error, None)
    return made


@pytest.mark.parametrize("steering", STEERING)
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_log_has_none_of_it(formatter, steering):
    text = f"before{steering}after"
    for line in (
        formatter.format(record(text)),
        formatter.format(record("m", field=text)),
        formatter.format(record("m", error=ValueError(text))),
        formatter.format(record("m", stack=f"  File x\n    {text}")),
    ):
        assert steering not in line
        assert all(one.isprintable() for one in line.split("\n"))
        assert "before" in line
        assert "after" in line


def test_the_lines_of_a_traceback_stay_lines():
    try:
        raise ValueError("one\ntwo")
    except ValueError as error:
        made = record("m")
        made.exc_info = (type(error), error, error.__traceback__)
    lines = TextFormatter().format(made).split("\n")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ValueError: one", "two"]


@pytest.mark.parametrize("steering", STEERING)
def test_json_lines_have_none_of_it_and_mean_the_same(steering, capsys):
    row = {"detail": f"Grüße {steering} 🎉 日本", "nested": [{"a": steering}]}
    json_lines([row])
    line = capsys.readouterr().out
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert json.loads(line) == row
    assert "Grüße" in line
    assert "🎉 日本" in line


@pytest.mark.parametrize("steering", STEERING)
def test_errors_of_commands_have_none_of_it(steering):
    @click.group(cls=CommandGroup)
    def group():
        pass

    @group.command()
    def status():
        raise AsyncEventsError(f"one{steering}two\nthree")

    CommandGroup.get_command, before = (lambda *_: status), CommandGroup.get_command
    try:
        done = CliRunner().invoke(group, ["status"])
    finally:
        CommandGroup.get_command = before
    assert done.exit_code == 1
    assert steering not in done.output.replace("\r\n", "\n")
    assert "\nthree" in done.output
