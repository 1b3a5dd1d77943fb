"""The shop of docs/examples: its own tests, and an order from the browser to a recipient."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integration.answering import answers
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually, kill_tree
from tests.services.ports import free_port

EXAMPLE = Path(__file__).parents[3] / "docs/examples/django-shop"


class Example:
    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(
            EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASYNCEV", "DJANGO", "PYTEST"))
        }

    def manage(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", "manage.py", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "shop")


def test_its_own_tests(example):
    assert "no issues" in example.manage("check")
    assert "No changes detected" in example.manage("makemigrations", "--check")
    printed = example.manage("test", "--noinput")
    assert "Ran 4 tests" in printed
    assert "OK" in printed


def test_an_order(example, inbox):
    example.manage("migrate")
    example.manage("asyncevents", "subscribe", "shop.order.*", inbox.url, "--secret", SECRET)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "mysite.asgi:application", "--port", str(port)],
        cwd=example.folder, env=example.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    try:
        eventually(lambda: answers(f"{address}/events/health"), what="the server answers")
        with httpx.Client(base_url=address, timeout=PATIENCE) as browser:
            order = {"number": "A-1", "total": "19.99"}
            assert browser.post("/orders", data=order).status_code == 201
            assert browser.post("/orders/A-1/cancel").status_code == 204
            assert browser.post("/orders/A-2/cancel").status_code == 404
    finally:
        kill_tree(server)
    example.manage("asyncevents", "worker", "--drain", "--log-level", "error")
    assert sorted(one.event_type for one in inbox.accepted) == [
        "shop.order.cancelled", "shop.order.created",
    ]  # fmt: skip
    assert all(one.data["number"] == "A-1" for one in inbox.accepted)
