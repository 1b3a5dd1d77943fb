"""The units of systemd, as systemd reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, run

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.0
"""Of 10, by `systemd-analyze security`: what a process that is taken over could do."""


def test_all_units_are_looked_at() -> None:
    assert [one.name for one in UNITS] == [
        "asyncevents-migrate.service",
        "asyncevents-server.service",
        "asyncevents-worker@.service",
    ]


@pytest.fixture(params=UNITS, ids=lambda path: path.name)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a unit whose program is on this machine."""
    text = request.param.read_text()
    assert text.count("/opt/asyncevents/bin/asyncevents") == 1
    copy = tmp_path / request.param.name.replace("@", "@1")
    copy.write_text(text.replace("/opt/asyncevents/bin/asyncevents", "/bin/true"))
    return copy


def test_systemd_finds_no_fault(unit: Path) -> None:
    done = run("systemd-analyze", "verify", "--man=no", unit)
    # Units that the machine has for itself are none of ours.
    assert [line for line in done.stderr.splitlines() if "asyncevents" in line] == []


def test_a_misspelt_option_would_be_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("UMask=", "Umaks="))
    assert "Umaks" in run("systemd-analyze", "verify", "--man=no", unit).stderr


def test_little_is_exposed(unit: Path) -> None:
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


def test_all_have_the_same_hardening() -> None:
    """From NoNewPrivileges to the end of the section."""
    found = [
        re.findall(r"^NoNewPrivileges.*?(?=\n\n|\Z)", one.read_text(), re.M | re.S) for one in UNITS
    ]
    assert len({block.strip() for (block,) in found}) == 1
