"""The API inside applications of other frameworks: the examples, served."""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from pathlib import Path
from urllib.parse import urljoin

import django.conf
import httpx
import pytest

from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.tokens import create_token
from asyncevents_core.engine.managing.users import create_user
from asyncevents_core.errors import MissingExtra
from tests.absent import without
from tests.hashing import PASSWORD
from tests.web.serving import running, settings

EXAMPLES = Path(__file__).parents[2] / "docs/examples/mounting"
# Outside of a mount there is no lifespan; the first request starts what is needed.


# Each once: Django can be configured once in a process.
@pytest.fixture(scope="module", params=sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def example(request, tmp_path_factory):
    folder, name = tmp_path_factory.mktemp("mounted"), request.param.stem
    lines = [f"{name} = {value!r}" for name, value in settings(folder).items()]
    (folder / "mounted_settings.py").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        # Whatever test of this process has configured it before. Not by `setattr`: it would look
        # at settings that nobody has configured yet, and those may not be looked at.
        patch.setitem(vars(django.conf.settings), "_wrapped", django.conf.empty)
        patch.syspath_prepend(folder)
        patch.setenv("ASYNCEVENTS_SETTINGS_MODULE", "mounted_settings")
        patch.setenv("ASYNCEVENTS_LEDGER_IN_TESTS", "true")
        spec = importlib.util.spec_from_file_location(name, request.param)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        module.events.upgrade()
        yield module
        module.events.close()
        del sys.modules[name], sys.modules["mounted_settings"]


def test_an_example(example):
    events = example.events
    _, token = create_token(
        events.runtime.ledger,
        name="t",
        resources=["manage"],
        tenant=None,
        days=None,
        known=(),
        by=Actor.trusted("test"),
    )
    with running(example.app) as address, httpx.Client(timeout=60) as client:
        placed = client.post(f"{address}/orders/42")
        assert placed.status_code == 200, placed.text
        base = f"{address}/events/rest/V1"
        headers = {"Authorization": f"Bearer {token}"}
        (published,) = client.get(f"{base}/events", headers=headers).json()["items"]
        assert published["event_id"] == placed.json()["event"]
        assert published["data"] == {"id": 42}
        started = client.post(f"{base}/replays", headers=headers, json={})
        assert started.status_code == 202, started.text
        missing = client.get(f"{base}/nothing", headers=headers)
        assert missing.headers["content-type"] == "application/problem+json"
        assert client.get(f"{base}/events").status_code == 401
        assert client.get(f"{address}/events/health").json() == {"status": "ok"}
        document = client.get(f"{address}/events/rest/docs/openapi.json").json()
        (server,) = document["servers"]
        listed = urljoin(address, server["url"]) + "/rest/V1/events"
        assert client.get(listed, headers=headers).json()["items"] == [published]
        of_a_store = client.get(f"{address}/events/rest/all/V1/events", headers=headers)
        assert of_a_store.json()["items"] == [published]


def test_pages_of_an_example(example):
    events = example.events
    create_user(
        events.runtime.ledger,
        events.runtime.password_hasher,
        name="ann",
        password=PASSWORD,
        resources=["manage"],
        tenant=None,
        known=(),
        by=Actor.trusted("test"),
    )
    with (
        running(example.app) as address,
        httpx.Client(base_url=address, timeout=60, follow_redirects=True) as browser,
    ):
        asked = browser.get("/events/admin/subscriptions", params={"status": "enabled"})
        assert asked.url.path == "/events/admin/sign-in"
        action = re.search(r'<form method="post" action="([^"]+)"', asked.text)[1]
        wanted = re.search(r'name="next" value="([^"]+)"', asked.text)[1]
        fields = {"name": "ann", "password": PASSWORD, "next": wanted}
        page = browser.post(action, data=fields)
        assert page.url.raw_path == b"/events/admin/subscriptions?status=enabled"
        assert "<h1>Subscriptions</h1>" in page.text
        leading = re.findall(r'(?:href|src|action)="([^"#][^"]*)"', page.text)
        assert [one for one in leading if not one.startswith("/events/admin")] == []
        links = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
        assert len(links) > 10
        assert {one: browser.get(html.unescape(one)).status_code for one in links} == dict.fromkeys(
            links, 200
        )
        assert {one.path for one in browser.cookies.jar} == {"/events/admin"}
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        left = browser.post("/events/admin/sign-out", data={"csrf": csrf})
        assert left.url.path == "/events/admin/sign-in"
        assert "You are signed out." in left.text


def test_without_the_extra(monkeypatch):
    without(monkeypatch, "litestar", "asyncevents_core.web", "litestar")
    with pytest.raises(MissingExtra, match=r"pip install 'asyncevents-core\[web\]'"):
        importlib.import_module("asyncevents_core.web")
