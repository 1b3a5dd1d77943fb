"""The shop of docs/examples: its own tests, and an order from the browser to a recipient."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import httpx
import pytest

from tests.integration.answering import answers
from tests.integration.folder import PYTEST, Folder
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually
from tests.services.ports import free_port

EXAMPLE = Path(__file__).parents[3] / "docs/examples/flask-shop"


@pytest.fixture
def example(tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    made = Folder(folder=folder)
    yield made
    made.end()


def flask(example, *arguments, **extra):
    return example.python("-m", "flask", "--app", "shop:create_app", *arguments, **extra).stdout


def test_its_own_tests(example):
    printed = example.python(*PYTEST).stdout
    assert "5 passed" in printed
    assert not list(example.folder.glob("*.db"))


@pytest.mark.parametrize("where", ["sqlite", "servers"])
def test_an_order(example, inbox, start_server, where):
    places = {}
    if where == "servers":
        places = {
            "SHOP_DATABASE_URL": start_server("PostgreSql").new_database(),
            "SHOP_BROKER_URL": start_server("Redis").url,
        }
    flask(example, "create-tables", **places)
    flask(example, "asyncevents", "db", "upgrade", **places)
    flask(
        example, "asyncevents", "subscribe", "shop.order.*", inbox.url, "--secret", SECRET, **places
    )
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = example.start(
        "-m", "gunicorn", "shop:create_app()", "--preload", "--workers", "2", "--threads", "8",
        "--bind", f"127.0.0.1:{port}", "--log-level", "critical",
        **places,
    )  # fmt: skip

    def is_there():
        assert server.poll() is None, server.stderr.read()
        return answers(f"{address}/events/health")

    eventually(is_there, what="the server answers")
    with httpx.Client(base_url=address, timeout=PATIENCE) as browser:
        order = {"number": "A-1", "total": "19.99"}
        assert browser.post("/orders", data=order).status_code == 201
        assert browser.post("/orders", data=order).status_code == 409
        assert browser.post("/orders/A-1/cancel").status_code == 204
        assert browser.post("/orders/A-2/cancel").status_code == 404
        assert "<h1>Sign in to asyncevents</h1>" in browser.get("/events/admin/sign-in").text
    worker = ("asyncevents", "worker", "--drain", "--log-level", "error")
    flask(example, *worker, **places)
    assert {one.event_type: one.data for one in inbox.accepted} == {
        "shop.order.created": {"number": "A-1", "total": "19.99", "cancelled": True},
        "shop.order.cancelled": {"number": "A-1", "total": "19.99", "cancelled": True},
    }
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE) == 0
