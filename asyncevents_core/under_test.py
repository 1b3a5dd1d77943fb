"""Whether this process runs tests: they must not use an application's ledger by accident."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Final

_OF_UNITTEST: Final = frozenset({"unittest.case", "unittest.suite"})


def test_runner() -> str | None:
    """Return the name of the test runner that this process belongs to, None if there is none.

    A program that a test starts belongs to none. Cheap enough for what is done once.
    """
    if _has_of_pytest("PYTEST_VERSION") or _has_of_pytest("PYTEST_CURRENT_TEST"):
        return "pytest"
    # Django's runner puts it there, whichever way it is started.
    if hasattr(sys.modules.get("django.core.mail"), "outbox"):
        return "Django's test runner"
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if getattr(main, "name", None) == "unittest.__main__" or _within_unittest():
        return "unittest"
    return None


def within_test() -> bool:
    """Tell whether a test, or a fixture of one, is what runs now: not the import of a module."""
    return _has_of_pytest("PYTEST_CURRENT_TEST") or _within_unittest()


def _has_of_pytest(variable: str) -> bool:
    # Variables are passed on to programs that tests start. The module is one that pytest loads as
    # it starts, and that `import pytest` leaves out.
    return "_pytest.helpconfig" in sys.modules and variable in os.environ


def _within_unittest() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in _OF_UNITTEST:
            return True
        frame = frame.f_back
    return False
