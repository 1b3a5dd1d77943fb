"""The distributions as a stranger installs them: wheels in a virtual environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "core": ROOT,
    "gcp": ROOT / "plugins/asyncevents-gcp",
    "http": ROOT / "plugins/asyncevents-http",
    "file-sink": ROOT / "docs/examples/file-sink",
    "events": ROOT / "docs/examples/events-plugin",
}


def run(*command, cwd, **extra: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCEVENTS_", "PYTHON"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, **extra},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for path in FOLDERS.values():
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=path)
    return folder


class Installed:
    """A virtual environment, and a folder to work in."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self._wheels = wheels
        self._bin = folder / ".venv" / "bin"
        venv.create(folder / ".venv", with_pip=True)

    def install(self, *names: str) -> None:
        run(self._bin / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
            "--find-links", self._wheels, *names, cwd=self.folder)  # fmt: skip

    def asyncevents(self, *arguments: str, **environment: str) -> str:
        return run(
            self._bin / "asyncevents",
            *arguments,
            cwd=self.folder,
            ASYNCEVENTS_SETTINGS_MODULE="asyncevents_settings",
            **environment,
        )

    def rows(self, *arguments: str) -> list[dict]:
        return [json.loads(line) for line in self.asyncevents(*arguments, "--json").splitlines()]

    def sinks(self) -> dict[str, str]:
        found = self.rows("plugins")
        return {one["name"]: one["distribution"] for one in found if one["kind"] == "sink"}


@pytest.fixture(scope="module")
def core(tmp_path_factory, wheels):
    installed = Installed(tmp_path_factory.mktemp("stranger"), wheels)
    installed.install("asyncevents-core")
    return installed


def names_in(folder: Path, distribution: str) -> list[str]:
    (wheel,) = folder.glob(f"{distribution}-*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheels_hold_the_package_and_nothing_else(wheels):
    core = names_in(wheels, "asyncevents_core")
    assert "asyncevents_core/py.typed" in core
    assert [name for name in core if "/migrations/versions/" in name]
    assert {name.split("/")[0] for name in core} == {
        "asyncevents_core",
        "asyncevents_core-0.1.0.dist-info",
    }
    http = names_in(wheels, "asyncevents_http")
    assert "asyncevents_http/py.typed" in http
    assert not [name for name in http if "test" in name]


def test_core_works_alone_then_plugins_are_found_when_installed(core):
    assert core.sinks() == {}
    core.asyncevents("init")
    core.asyncevents("db", "upgrade")
    core.asyncevents("publish", "example.created", '{"id": 1}')
    assert [one["event_name"] for one in core.rows("published")] == ["example.created"]
    core.asyncevents("worker", "--drain")

    core.install("asyncevents-http", "asyncevents-example-file-sink", "asyncevents-example-events")
    assert core.sinks() == {
        "file": "asyncevents-example-file-sink",
        "http": "asyncevents-http",
    }
    origins = {one["name"]: one["origin"] for one in core.rows("events")}
    brought = [name for name, origin in origins.items() if "asyncevents-example-events" in origin]
    assert brought
    core.asyncevents("subscribe", "example.created", "created.jsonl", "--sink", "file")
    number = core.asyncevents("publish", "example.created", '{"id": 2}').strip()
    core.asyncevents("worker", "--drain")
    (line,) = (core.folder / "created.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == number
    (trace,) = core.rows("trace", number)
    assert trace["summary"] == "Delivered"


def test_google_cloud_installs_alone_beside_core(tmp_path, wheels):
    gcp = names_in(wheels, "asyncevents_gcp")
    assert "asyncevents_gcp/py.typed" in gcp
    assert not [name for name in gcp if "test" in name]
    installed = Installed(tmp_path, wheels)
    installed.install("asyncevents-core", "asyncevents-gcp")
    assert installed.sinks() == {"pubsub": "asyncevents-gcp"}
    installed.asyncevents("init")
    installed.asyncevents("db", "upgrade")
    installed.asyncevents("subscribe", "example.created", "orders", "--sink", "pubsub")
    number = installed.asyncevents("publish", "example.created", '{"id": 1}').strip()
    installed.asyncevents(
        "worker",
        "--drain",
        GOOGLE_APPLICATION_CREDENTIALS="none.json",
        ASYNCEVENTS_MAXIMUM_DEATHS="0",
    )
    (trace,) = installed.rows("trace", number)
    (attempt,) = trace["attempts"]
    assert attempt["detail"].startswith("credentials: ")
