"""The distributions as a stranger installs them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.installing.installing import Installed, build_wheel

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "core": ROOT,
    "http": ROOT / "plugins/asyncevents-http",
    "aws": ROOT / "plugins/asyncevents-aws",
    "azure": ROOT / "plugins/asyncevents-azure",
    "gcp": ROOT / "plugins/asyncevents-gcp",
    "amqp": ROOT / "plugins/asyncevents-amqp",
    "asgi": ROOT / "plugins/asyncevents-asgi",
    "celery": ROOT / "plugins/asyncevents-celery",
    "django": ROOT / "plugins/asyncevents-django",
    "flask": ROOT / "plugins/asyncevents-flask",
    "file-sink": ROOT / "docs/examples/file-sink",
    "events": ROOT / "docs/examples/events-plugin",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for path in FOLDERS.values():
        build_wheel(path, folder)
    return folder


@pytest.fixture(scope="module")
def core(tmp_path_factory, wheels):
    installed = Installed(tmp_path_factory.mktemp("stranger"), wheels, with_pip=False)
    installed.install("asyncevents-core")
    return installed


def names_in(folder: Path, distribution: str) -> list[str]:
    (wheel,) = folder.glob(f"{distribution}-*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheels_hold_the_package_and_nothing_else(wheels):
    core = names_in(wheels, "asyncevents_core")
    assert "asyncevents_core/py.typed" in core
    assert [name for name in core if "/migrations/versions/" in name]
    assert [name for name in core if name.endswith(".tmpl")]
    swagger = "asyncevents_core/web/static/swagger/"
    assert {name.removeprefix(swagger) for name in core if name.startswith(swagger)} == {
        "LICENSE", "NOTICE", "README.md", "swagger-ui-bundle.js",
        "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css",
    }  # fmt: skip
    assert {name.split("/")[0] for name in core} == {
        "asyncevents_core",
        "asyncevents_core-0.1.0.dist-info",
    }
    http = names_in(wheels, "asyncevents_http")
    assert "asyncevents_http/py.typed" in http
    assert not [name for name in http if "test" in name]
    for plugin in ("amqp", "asgi", "aws", "azure", "celery", "flask", "gcp"):
        one = f"asyncevents_{plugin}"
        names = names_in(wheels, one)
        assert f"{one}/py.typed" in names
        assert {name.split("/")[0] for name in names} == {one, f"{one}-0.1.0.dist-info"}


@pytest.mark.parametrize(
    ("distribution", "sinks"),
    [
        ("asyncevents-amqp", {"amqp"}),
        ("asyncevents-aws", {"eventbridge", "kinesis", "s3", "sns", "sqs"}),
        ("asyncevents-azure", {"eventgrid", "servicebus"}),
        ("asyncevents-celery", {"celery"}),
        ("asyncevents-gcp", {"pubsub"}),
    ],
)
def test_each_plugin_works_alone_beside_core(tmp_path, wheels, distribution, sinks):
    installed = Installed(tmp_path, wheels, with_pip=False)
    installed.install(distribution)
    assert installed.sinks() == dict.fromkeys(sinks, distribution)
    health = {
        row["name"]: row["health"] for row in installed.rows("plugins") if row["kind"] == "sink"
    }
    assert health == dict.fromkeys(sinks, "ok")


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
        "mcp": "asyncevents-http",
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


def test_the_demo_needs_nothing_but_the_sink_http(tmp_path, wheels):
    installed = Installed(tmp_path, wheels, with_pip=False)
    installed.install("asyncevents-http")
    before = sorted(tmp_path.iterdir())
    printed = installed.asyncevents("demo", "--events", "5", "--exit")
    assert "\nall well\n" in printed
    assert sorted(tmp_path.iterdir()) == before
