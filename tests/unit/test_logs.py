"""The two forms of the log."""

from __future__ import annotations

import json
import logging

import pytest

from asyncevents_core.logging_setup import configure_logging


@pytest.fixture(autouse=True)
def _restored():
    root, own = logging.getLogger(), logging.getLogger("asyncevents")
    handlers, level, own_level = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)
    for name in ("elastic_transport", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_json_is_one_object_per_line_with_fields_and_traceback(capsys):
    configure_logging("json", "info")
    log = logging.getLogger("asyncevents.test")
    log.info("worker started", extra={"pid": 42, "roles": ("trigger",)})
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it failed")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"], first["pid"]) == (
        "info",
        "asyncevents.test",
        "worker started",
        42,
    )
    assert first["time"].endswith("+00:00")
    assert "ValueError: two\nlines" in second["exception"]


def test_text_is_for_people(capsys):
    configure_logging("text", "info")
    logging.getLogger("asyncevents.test").info("worker started", extra={"pid": 42})
    line = capsys.readouterr().err.strip()
    assert line.endswith("INFO    asyncevents.test  worker started  pid=42")


def test_levels_are_for_asyncevents_and_other_libraries_stay_quiet(capsys):
    configure_logging("text", "debug")
    logging.getLogger("asyncevents.test").debug("mine")
    logging.getLogger("other").info("not mine")
    logging.getLogger("other").warning("important")
    text = capsys.readouterr().err
    assert "mine" in text
    assert "not mine" not in text
    assert "important" in text


def test_what_others_warn_of_is_left_to_who_called_them(capsys):
    configure_logging("text", "info")
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").error("Exception during reset")
    logging.getLogger("elastic_transport.transport").warning("retrying after failure")
    assert capsys.readouterr().err == ""


def test_text_is_one_line_whatever_a_client_sent(capsys):
    configure_logging("text", "info")
    log = logging.getLogger("asyncevents.test")
    log.info("request\x1b[2J", extra={"path": "/a\n12:00 INFO  forged\u2028", "at": 'C:\\ü "x"'})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith('request\\x1b[2J  path=/a\\n12:00 INFO  forged\\u2028  at=C:\\ü "x"')
