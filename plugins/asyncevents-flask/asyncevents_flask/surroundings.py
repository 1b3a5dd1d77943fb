"""The application's context around services: hooks of one application."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from flask import Flask

from asyncevents_core.plugin import hookimpl


class Surroundings:
    """What asyncevents does for services of an application: each call has a context of its own.

    So `current_app`, `g` and ``db.session`` are there, and teardown functions run after each call.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    @hookimpl
    def asyncevents_around_service(self) -> AbstractContextManager[object]:
        """Let `current_app` be there, on the thread or in the task of the call."""
        return self._app.app_context()

    @hookimpl
    def asyncevents_preload(self) -> Sequence[str]:
        """Share Flask between worker processes."""
        return ["flask"]
