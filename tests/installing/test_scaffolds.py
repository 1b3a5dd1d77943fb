"""`asyncevents new-plugin`: what it writes installs beside core, and its tests pass at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.installing.installing import Installed, build_wheel, run

ROOT = Path(__file__).parents[2]
KINDS = {
    "telegraph": ("sink",),
    "semaphore": ("sink", "--blocking"),
    "pigeon-post": ("sink", "--batching"),
    "registry": ("resolver",),
    "alarm-clock": ("retry-manager",),
    "card-index": ("indexer",),
    "office-hours": ("retry-policy",),
    "furniture": ("events",),
    "address-book": ("command",),
    "scoreboard": ("observer",),
}
LISTED = {
    "sink": "sink",
    "resolver": "service resolver",
    "retry-manager": "retry manager",
    "indexer": "indexer",
    "retry-policy": "retry policy",
    "events": "event",
    "command": "command",
    "observer": "observer",
}
CALLED = {"furniture": "furniture.created", "scoreboard": "ScoreboardObserver"}
"""Where what is registered is not called as the distribution."""


@pytest.fixture(scope="module")
def scaffolds(tmp_path_factory):
    """Return the folder with one distribution of each kind, all installed beside core's wheel."""
    folder, wheels = tmp_path_factory.mktemp("author"), tmp_path_factory.mktemp("wheels")
    build_wheel(ROOT, wheels)
    installed = Installed(folder, wheels, with_pip=False)
    installed.install("asyncevents-core")
    for name, (kind, *flags) in KINDS.items():
        installed.asyncevents("new-plugin", kind, name, *flags)
        build_wheel(folder / f"asyncevents-{name}", wheels)
    installed.install(*(f"asyncevents-{name}[test]" for name in KINDS))
    return installed


@pytest.mark.parametrize("name", KINDS)
def test_its_tests_pass_at_once(scaffolds, name):
    home = scaffolds.folder / f"asyncevents-{name}"
    done = run(scaffolds.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=home)
    assert " passed" in done
    assert "warning" not in done


@pytest.mark.parametrize("name", KINDS)
def test_it_is_listed_and_well(scaffolds, name):
    found = {one["name"]: one for one in scaffolds.rows("plugins")}
    row = found[CALLED.get(name, name)]
    kind = row["kind"]
    assert kind == LISTED[KINDS[name][0]]
    assert row["distribution"] == f"asyncevents-{name}"
    # Of these the settings name one.
    chosen = kind in {"retry manager", "retry policy", "indexer"}
    assert row["health"] == ("not in use" if chosen else "ok")


@pytest.mark.parametrize("name", KINDS)
def test_it_is_clean(scaffolds, name, tmp_path_factory):
    home = scaffolds.folder / f"asyncevents-{name}"
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=home)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".", cwd=home)
    cache = tmp_path_factory.getbasetemp() / "mypy"
    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, ".", cwd=home)
