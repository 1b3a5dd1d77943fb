"""The sink `file`: appends each event as a line of JSON to a file below a root folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import (
    BlockingSink,
    DeliveryRequest,
    Failure,
    NoOptions,
    Outcome,
    SinkType,
    hookimpl,
)

ASYNCEVENTS_PLUGIN_API = 1


@frozen(kw_only=True)
class FileConfig:
    """SINKS["file"]: targets are relative to `root`; `fsync` makes each line durable."""

    root: str = "."
    fsync: bool = False


class FileSinkType(SinkType[FileConfig, NoOptions]):
    """Registers the sink `file`."""

    name = "file"
    title = "Appends to a file"
    config_class = FileConfig

    def validate_target(self, target: str, config: FileConfig) -> None:
        """Accept relative paths that stay below the root."""
        _path(target, config)

    def privileges(self, options: NoOptions, target: str, config: FileConfig) -> Sequence[str]:
        """Writing files is the operator's to allow: tenants need the privilege `files`."""
        return ("files",)

    def open(self, config: FileConfig) -> BlockingSink:
        """Return the sink; files are opened for each delivery."""
        return FileSink(config)


class FileSink(BlockingSink):
    """Writes one line per delivery, with a single call, so that lines never mix."""

    def __init__(self, config: FileConfig) -> None:
        self._config = config

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """Append the event. A disk that is full or a folder that is gone is worth a retry."""
        try:
            path = _path(request.target, self._config)
        except InvalidTarget as error:
            return Outcome.failed(Failure.INVALID, str(error))
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, request.body + b"\n")
                if self._config.fsync:
                    os.fsync(handle)
            finally:
                os.close(handle)
        except PermissionError as error:
            return Outcome.failed(Failure.DENIED, f"{path}: {error.strerror}")
        except OSError as error:
            return Outcome.failed(Failure.UNAVAILABLE, f"{path}: {error.strerror}")
        return Outcome.delivered(f"appended to {path}")


def _path(target: str, config: FileConfig) -> Path:
    if not target or "\0" in target or target.endswith("/"):
        raise InvalidTarget(f"{target!r} is not a path of a file")
    root = Path(config.root).resolve()
    path = (root / target).resolve()
    if path == root or not path.is_relative_to(root):
        raise InvalidTarget(f"{target!r} is not below {root}, the root in SINKS['file']")
    return path


@hookimpl
def asyncevents_register_sinks() -> Sequence[SinkType[Any, Any]]:
    """Register `file`."""
    return [FileSinkType()]
