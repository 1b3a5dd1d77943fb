"""The shop of docs/examples: its own tests, and an order from the browser to a recipient."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import httpx
import pytest

from busy_shop import EXAMPLE
from tests.integration.answering import answers
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually, kill_tree
from tests.services.ports import free_port


class Example:
    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASYNCEV", "PYTEST", "SHOP_"))
        } | {"ASYNCEVENTS_SETTINGS_MODULE": "shop_settings"}

    def python(self, *arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def asyncevents(self, *arguments):
        return self.python("-m", "asyncevents_core", *arguments)


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "shop")


def test_its_own_tests(example):
    printed = example.python("-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio")
    assert "4 passed" in printed
    assert not list(example.folder.glob("*.db"))


def test_an_order(example, inbox):
    example.asyncevents("db", "upgrade")
    example.python("-W", "error", "shop_database.py")
    example.asyncevents("subscribe", "shop.order.*", inbox.url, "--secret", SECRET)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)],
        cwd=example.folder, env={**example.environment, "SHOP_WORKER": "1"},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    try:
        eventually(lambda: answers(f"{address}/events/health"), what="the server answers")
        with httpx.Client(base_url=address, timeout=PATIENCE) as browser:
            order = {"number": "A-1", "total": 1999}
            assert browser.post("/orders", json=order).status_code == 201
            assert browser.post("/orders", json=order).status_code == 409
            assert browser.post("/orders/A-1/cancel").status_code == 204
            assert browser.post("/orders/A-2/cancel").status_code == 404
            page = browser.get("/events/admin/sign-in")
            assert "<h1>Sign in to asyncevents</h1>" in page.text
        # The worker beside the application delivers both.
        eventually(lambda: len(inbox.accepted) == 2, what="both events arrive")
        server.terminate()
        assert server.wait(PATIENCE) in (0, -15)
    finally:
        kill_tree(server)
    assert {one.event_type: one.data for one in inbox.accepted} == {
        "shop.order.created": {"number": "A-1", "total": 1999},
        "shop.order.cancelled": {"number": "A-1", "total": 1999, "cancelled": True},
    }
