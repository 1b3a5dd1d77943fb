"""The REST API and the pages under a path of an application."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin

import httpx
import pytest
from flask import Flask

from asyncevents_core.errors import MissingExtra
from asyncevents_flask import FlaskEvents
from asyncevents_flask.wsgi import mount
from tests.integration.project import eventually
from tests.services.ports import free_port

SERVED = """
from asyncevents_flask.wsgi import mount
from shop import Order, create_app, db, events

app = create_app()
mount(app, "/events")

@app.post("/orders/<int:number>")
def place(number):
    db.session.add(Order(number=number))
    published = events.publish("order.created", {"id": number})
    db.session.commit()
    return {"event": str(published)}

# Threads and connections are there before the server forks.
with app.app_context():
    events.core.runtime.ledger.check()
assert app.test_client().get("/events/health").json == {"status": "ok"}
"""


@pytest.fixture
def address(shop):
    shop.write("served.py", SERVED)
    port = free_port()
    process = shop.start(
        "-W", "ignore", "-m", "gunicorn", "served:app", "--preload", "--workers", "2",
        "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "critical",
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, process.stderr.read()
        try:
            return httpx.get(f"{address}/events/health", timeout=60).json() == {"status": "ok"}
        except httpx.HTTPError:
            return False

    eventually(answers, what="the server answers")
    return address


def test_the_api(shop, address):
    token = shop.flask("asyncevents", "token", "create", "t", "--resource", "manage").split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    base = f"{address}/events/rest/V1"
    # Each process answers.
    for number in range(20):
        placed = httpx.post(f"{address}/orders/{number}", timeout=60)
        assert placed.status_code == 200, placed.text
    listed = httpx.get(f"{base}/events", params={"limit": 50}, headers=headers, timeout=60)
    assert sorted(one["data"]["id"] for one in listed.json()["items"]) == list(range(20))
    assert httpx.get(f"{base}/events", timeout=60).status_code == 401
    assert httpx.get(f"{base}/nothing", headers=headers, timeout=60).status_code == 404
    published = httpx.post(
        f"{base}/events",
        headers=headers,
        json={"event_name": "note.written", "data": {"text": "x" * 100_000}},
        timeout=60,
    )
    assert published.status_code == 202, published.text
    document = httpx.get(f"{address}/events/rest/docs/openapi.json", timeout=60).json()
    (server,) = document["servers"]
    where = urljoin(address, server["url"]) + "/rest/V1/events"
    assert httpx.get(where, headers=headers, timeout=60).status_code == 200


def test_the_pages(shop, address):
    password = "correct horse battery"
    shop.python(
        "-c",
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-m', 'flask', '--app', "
        "'shop:create_app', 'asyncevents', 'user', 'create', 'ann', '--resource', 'manage', "
        f"'--password-stdin'], input={password!r}, text=True).returncode)",
    )
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True) as browser:
        asked = browser.get("/events/admin/subscriptions", params={"status": "enabled"})
        assert asked.url.path == "/events/admin/sign-in"
        action = re.search(r'<form method="post" action="([^"]+)"', asked.text)[1]
        wanted = re.search(r'name="next" value="([^"]+)"', asked.text)[1]
        page = browser.post(action, data={"name": "ann", "password": password, "next": wanted})
        assert page.url.raw_path == b"/events/admin/subscriptions?status=enabled"
        assert "<h1>Subscriptions</h1>" in page.text
        links = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
        assert len(links) > 10
        assert [one for one in links if not one.startswith("/events/admin")] == []
        found = {one: browser.get(html.unescape(one)).status_code for one in links}
        assert found == dict.fromkeys(links, 200)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        left = browser.post("/events/admin/sign-out", data={"csrf": csrf})
        assert "You are signed out." in left.text


def test_mistakes(monkeypatch):
    app = Flask("shop")
    with pytest.raises(RuntimeError, match=r"call events\.init_app\(app\)"):
        mount(app, "/events")
    FlaskEvents(app)
    for wrong in ("events", "/", ""):
        with pytest.raises(ValueError, match="it begins with a slash"):
            mount(app, wrong)
    monkeypatch.setattr("asyncevents_flask.wsgi.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'asyncevents-flask\[web\]'"):
        mount(app, "/events")
