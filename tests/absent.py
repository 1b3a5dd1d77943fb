"""Modules that are not there, as where an extra is not installed."""

from __future__ import annotations

import sys

import pytest


def without(monkeypatch: pytest.MonkeyPatch, missing: str, *imported: str) -> None:
    """Let imports of `missing` fail until the end of the test.

    Modules whose names begin with one of `imported` are imported anew meanwhile. Afterwards the
    ones from before are back, also as attributes of their packages: else patches that are given
    as strings would change a copy that nobody uses.
    """
    modules = dict(sys.modules)
    for name in [one for one in modules if one.startswith(imported)] if imported else []:
        package, _, attribute = name.rpartition(".")
        if getattr(modules.get(package), attribute, None) is modules[name]:
            monkeypatch.delattr(modules[package], attribute)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
