"""Versions of the framework as an operator has them: wheels, each in an environment of its own."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from asyncevents_core.adapters.sqlalchemy.migrating import REVISION
from tests.installing.installing import Installed, build_wheel

ROOT: Final = Path(__file__).parents[2]
BEFORE_PATTERNS: Final = "067042d66b546c98f2ebf046b5e7882c6efc7cc6"
"""A commit whose migrations end at 0013."""
_EVENT_ENDS: Final = '    Index(\n        f"ix_{PREFIX}event_due",\n'
"""What comes after the columns of events in the schema."""
_MIGRATIONS: Final = "asyncevents_core/adapters/sqlalchemy/migrations/versions"
_DISTRIBUTIONS: Final = (".", "plugins/asyncevents-http")

_NEXT_MIGRATION: Final = '''\
"""Events have a region."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it, and what else can be added."""
    column = sa.Column("region", sa.String(50), nullable=False, server_default="here")
    op.add_column("asyncevents_event", column)
    op.create_index("ix_asyncevents_event_region", "asyncevents_event", ["region"])
    op.alter_column("asyncevents_delivery", "state", type_=sa.String(20))
    op.alter_column("asyncevents_subscription", "event_name", type_=sa.String(2500))
    op.create_table("asyncevents_region", sa.Column("name", sa.String(50), primary_key=True))
'''


def sources_of(commit: str, folder: Path) -> Path:
    """Unpack the repository as it was at a commit; skip where the history does not have it."""
    done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        pytest.skip(f"the history has no commit {commit[:7]}: clone all of it ({said})")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@frozen(kw_only=True)
class Version:
    """A version of core and http: a Python that has it, or has another one behind `sources`."""

    python: Path
    sources: Path | None = None


def this_version() -> Version:
    """Return the version under test, as it is installed for the tests."""
    return Version(python=Path(sys.executable))


def installed(sources: Path, folder: Path) -> Version:
    """Build the wheels of core and http, and install them into an environment of their own."""
    wheels = folder / "wheels"
    for path in _DISTRIBUTIONS:
        build_wheel(sources / path, wheels)
    environment = Installed(folder, wheels)
    (core,) = wheels.glob("asyncevents_core-*.whl")
    (http,) = wheels.glob("asyncevents_http-*.whl")
    environment.install(f"{core}[postgresql,search]", str(http))
    return Version(python=environment.python)


def next_version(folder: Path) -> Version:
    """Write the core of a version after this one, whose schema serves this one, too.

    It adds to the ledger what migrations that only add may: a column that has to have a value, one
    of a larger type, an index, a table. Its code writes the column.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "asyncevents_core", folder / "asyncevents_core", ignore=ignored)
    promise = promised(REVISION)
    migration = _NEXT_MIGRATION.format(before=REVISION, revision=promise)
    (folder / _MIGRATIONS / f"{promise}.py").write_text(migration)
    replace(
        folder / "asyncevents_core/adapters/sqlalchemy/migrating.py",
        f'REVISION: Final = "{REVISION}"',
        f'REVISION: Final = "{promise}"',
    )
    replace(
        folder / "asyncevents_core/adapters/sqlalchemy/schema.py",
        _EVENT_ENDS,
        '    Column("region", String(50), nullable=False, server_default="here", default="new"),\n'
        + _EVENT_ENDS,
    )
    return Version(python=Path(sys.executable), sources=folder)


def promised(revision: str) -> str:
    """Return the name of the revision after one, which serves versions that know that one."""
    known = revision[:4]
    return f"{int(known) + 1:04}_from_{known}"


def replace(path: Path, old: str, new: str) -> None:
    """Replace what is in a file once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))
