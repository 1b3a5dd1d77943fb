"""What holds for every test: a skip is named, and under CI it is a failure.

What a conformance suite leaves out for want of a fixture is named only: not every sink can do all.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from asyncevents_core.testing.conformance.needing import LEFT_OUT

REQUIRED = os.environ.get("ASYNCEVENTS_REQUIRE_SERVICES") == "1"


class SkipReport:
    """Collects what was skipped and why; the corpus alone may be absent."""

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}
        self.unexcused = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if "corpus" not in report.keywords and LEFT_OUT not in reason:
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


def pytest_configure(config: pytest.Config) -> None:
    """Register the report of skips; let no property fail for want of time."""
    settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("suite")
    config.pluginmanager.register(SkipReport(), "asyncevents-skips")
