"""What holds for every test: a skip is named, and under CI it is a failure.

What a conformance suite leaves out for want of a fixture is named only: not every sink can do all.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

from asyncevents_core.plugin_registry import loading
from asyncevents_core.testing.conformance.needing import LEFT_OUT
from tests import scratch

EXCUSED = {"corpus", "helm", "history"}
"""Marks of tests that may be skipped, also where everything else is required."""
LONG = (
    "tests/docs/test_walkthroughs.py",
    "tests/browser/test_every_page.py",
    "tests/integration/",
    "tests/crash/",
    "tests/conformance/test_ledgers.py",
    "tests/conformance/test_indexers.py",
    "plugins/asyncevents-django/tests/",
    "plugins/asyncevents-flask/tests/",
    "plugins/asyncevents-asgi/tests/",
    "plugins/asyncevents-azure/tests/",
    "plugins/asyncevents-aws/tests/test_conformance.py",
    "plugins/asyncevents-amqp/tests/test_connections.py",
    "tests/docs/test_site.py",
    "tests/web/pages/test_hostile.py",
    "tests/installing/",
)
"""What takes longest comes first, in this order: several processes share the modules, and none of
these is to be left alone at the end."""
REQUIRED = os.environ.get("ASYNCEVENTS_REQUIRE_SERVICES") == "1"


class SkipReport:
    """Collects what was skipped and why; what `make test` cannot install may be absent."""

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}
        self.unexcused = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        excused = not EXCUSED.isdisjoint(report.keywords) or LEFT_OUT in reason
        if not excused:
            self.unexcused += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason, count in self.reasons.items():
            terminalreporter.write_line(f"skipped {count}: {reason}")
        if REQUIRED and self.unexcused:
            terminalreporter.write_line(
                "ASYNCEVENTS_REQUIRE_SERVICES=1: a skipped test is a failure", red=True
            )

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if REQUIRED and self.unexcused and exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Scratch:
    """Removes what the tests wrote, unless somebody will want to look at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int
    ) -> None:
        if exitstatus:
            terminalreporter.write_line(f"until the next run, what tests wrote is in {self.folder}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if not exitstatus:
            scratch.remove(self.folder)


@pytest.fixture(scope="session", autouse=True)
def _installed_is_looked_up_once() -> Iterator[None]:
    """Keep what is installed: to read of 250 distributions takes longer than many tests."""
    kept: dict[tuple[str, ...], EntryPoints] = {}

    def found(*, group: str) -> EntryPoints:
        # Some tests put a distribution of their own into a folder, and the folder on the path.
        key = (group, *sys.path)
        if key not in kept:
            kept[key] = entry_points(group=group)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "entry_points", found)
        yield


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """Fail where a module's tests change what later ones of the same process would meet."""
    before = _of_the_process()
    yield
    # Here, what nobody closed is found with the module that opened it; and then for the last time,
    # or every collection would look at all that was ever imported.
    gc.collect()
    gc.freeze()
    after = _of_the_process()
    left = [one for one in sorted({*before, *after}) if before.get(one) != after.get(one)]
    if left:
        pytest.fail(f"left behind, for the tests of other modules: {', '.join(left)}")
    for name, module in list(sys.modules.items()):
        package, _, attribute = name.rpartition(".")
        if name.startswith("asyncevents_") and package in sys.modules:
            # Patches would reach the wrong one.
            there = getattr(sys.modules[package], attribute, module)
            if there is not module and isinstance(there, ModuleType):
                pytest.fail(f"{name} is there twice")


def _of_the_process() -> dict[str, object]:
    """Return what all tests of a process share, and each must leave as it was."""
    conf = sys.modules.get("django.conf")
    return {
        **{f"${k}": v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "folder": Path.cwd(),
        "signals": {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)},
        "settings of Django": conf is not None and conf.settings.configured,
    }


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the report of skips; let no property fail for want of time; write in memory."""
    settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("suite")
    config.pluginmanager.register(SkipReport(), "asyncevents-skips")
    if not hasattr(config, "workerinput") and (folder := scratch.in_memory()) is not None:
        config.pluginmanager.register(Scratch(folder), "asyncevents-scratch")
        if config.option.basetemp is None:
            config.option.basetemp = str(folder / "t")


def pytest_collection_finish() -> None:
    """Look no more at what was imported, whenever garbage is collected: it stays."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the long modules to the front. The order of pytest's arguments does not."""
    items.sort(
        key=lambda one: next(
            (n for n, name in enumerate(LONG) if one.nodeid.startswith(name)), len(LONG)
        )
    )
