"""What a suite leaves out is skipped where everybody sees it, with the reason."""

from __future__ import annotations

from typing import Final, TypeVar

import pytest

T = TypeVar("T")

LEFT_OUT: Final = "conformance: "
"""How the reasons of these skips begin."""


def given(value: T | None, fixture: str) -> T:
    """Return the value of a fixture; skip the test where it is None or empty."""
    if value is None or value in ({}, (), []):
        left_out(f"the fixture `{fixture}` is not overridden")
    assert value is not None
    return value


def left_out(reason: str) -> None:
    """Skip the test that runs."""
    pytest.skip(f"{LEFT_OUT}{reason}")
