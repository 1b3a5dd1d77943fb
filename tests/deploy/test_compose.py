"""The file of Compose: valid, and its parts fit together."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from asyncevents_core.settings.loading import load_settings
from tests.deploy.tools import DEPLOY, run

COMPOSE = DEPLOY / "compose"
FILE = COMPOSE / "compose.yaml"


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text())["services"])


def test_the_official_schema_is_kept() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)


def test_the_schema_would_find_a_slip(tmp_path: Path) -> None:
    copy = tmp_path / "compose.yaml"
    copy.write_text(FILE.read_text().replace("healthcheck:", "healthchecks:"))
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", copy, code=1)


def test_all_that_runs_on_has_limits_and_is_looked_after(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert ("healthcheck" in one) == (one["restart"] == "unless-stopped"), name


def test_what_is_needed_is_there_before(services: dict[str, Any]) -> None:
    """Each dependency is a service; who waits for health waits for what has a check of it."""
    for name, one in services.items():
        for needed, how in one.get("depends_on", {}).items():
            assert needed in services, f"{name} needs {needed}"
            healthy = how["condition"] == "service_healthy"
            assert healthy == ("healthcheck" in services[needed]), f"{name} needs {needed}"


def test_our_own_can_do_little(services: dict[str, Any]) -> None:
    for name in ("migrate", "worker", "server"):
        one = services[name]
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in one


def test_secrets_are_made_once_and_the_settings_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(COMPOSE / "make-secrets", tmp_path)
    shutil.copy(COMPOSE / "asyncevents_settings.py", tmp_path)
    made = _make_secrets(tmp_path)
    named = yaml.safe_load(FILE.read_text())["secrets"]
    assert sorted(made) == sorted(named)
    assert [one["file"] for one in named.values()] == [f"secrets/{name}" for name in named]
    assert len(set(made.values())) == 3
    Fernet(made["secret_keys"])
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert _make_secrets(tmp_path) == made

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SHOP_SECRETS", str(tmp_path / "secrets"))
    settings = load_settings("asyncevents_settings", environ={})
    assert settings.secret_keys == (made["secret_keys"],)
    for options, name in (
        (settings.ledger_options, "database_password"),
        (settings.broker_options, "broker_password"),
    ):
        password = options["password"]
        assert callable(password)
        assert password() == made[name]


def _make_secrets(folder: Path) -> dict[str, str]:
    done = subprocess.run(["./make-secrets"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {one: (folder / "secrets" / one).read_text() for one in os.listdir(folder / "secrets")}
