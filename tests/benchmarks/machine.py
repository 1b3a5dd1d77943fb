"""What a run was measured on: the machine and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from tests.benchmarks.receiving import ROOT
from tests.benchmarks.services import Services

_PACKAGES: Final = (
    "aio-pika", "aiohttp", "asyncpg", "celery", "faststream", "httptools", "httpx",
    "httpx-aiohttp", "kombu", "procrastinate", "psycopg", "redis", "sqlalchemy", "uvloop",
)  # fmt: skip


def machine() -> Mapping[str, str]:
    """Return what the machine is, and how busy it was before the run."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }


def versions(services: Services) -> Mapping[str, str]:
    """Return the versions of everything that matters."""
    return {
        "commit": _commit(),
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        **services.versions(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
