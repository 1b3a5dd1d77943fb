"""Logging of the command line and the worker: readable text, or one JSON object per line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

Format = Literal["text", "json"]

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def configure_logging(form: Format, level: str) -> None:
    """Write the log to stderr in this form, from `level` ("debug", "info", …) on.

    Replaces handlers that were set before; other libraries are logged from WARNING on, the client
    of Elasticsearch from ERROR on, the pool of SQLAlchemy not at all.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("asyncevents").setLevel(level.upper())
    # Whatever it warns of, with a traceback for each try, is raised and told by who called it.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    # It tells, with a traceback, that a connection that was lost cannot be rolled back either.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


class TextFormatter(logging.Formatter):
    """``12:34:56.789 INFO  asyncevents.worker  worker started  pid=42``.

    The field `stack`, of a thread that stands still, comes on lines of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as a line, followed by its traceback if it has one."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        more = _fields(record)
        stack = more.pop("stack", None)
        fields = "".join(f"  {name}={value}" for name, value in more.items())
        text = printable(f"{record.getMessage()}{fields}")
        line = f"{at} {record.levelname:<7} {record.name}  {text}"
        if stack:
            line += "\n" + printable_lines(str(stack).rstrip())
        if record.exc_info:
            line += "\n" + printable_lines(self.formatException(record.exc_info))
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object: time (ISO 8601, UTC), level, logger, message, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as a line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def printable(text: str) -> str:
    """Escape what cannot be printed, line ends too.

    What clients and recipients send must not look like a line of its own, nor steer a terminal.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def printable_lines(text: str) -> str:
    """Escape what cannot be printed in each line of a text of several, such as a traceback."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was passed as `extra`, and the trace that OpenTelemetry records meanwhile."""
    found = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    return {**found, **_trace()}


def _trace() -> dict[str, str]:
    """Return the ids of the span that goes on on this thread, if there is one."""
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return {}
    context = opentelemetry.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
