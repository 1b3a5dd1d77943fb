"""The application that this code runs in."""

from __future__ import annotations

from flask import Flask, current_app, has_app_context


def current_application() -> Flask | None:
    """Return the application whose context this is; None outside of one."""
    if not has_app_context():
        return None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app
