"""What pages say while the ledger, the index or the broker is away, and how soon."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa

from asyncevents_core.domain.access import ALL
from tests.services.databases import Database, MariaDb, PostgreSql
from tests.services.ports import free_port
from tests.services.silence import before
from tests.web.serving import Api, Visitor, serving

PATHS = (
    *("/", "/problems", "/subscriptions", "/subscriptions/1", "/logs", "/logs/by-time"),
    *("/events", "/deliveries", "/dead-letters", "/replays", "/tokens", "/audit", "/password"),
)
PATIENCE = 2.0
"""Seconds: WEB_REQUEST_TIMEOUT."""
UNTIL = 20.0
"""A test that waits longer for an answer has failed, whatever else the machine does."""


def said(answer: httpx.Response) -> str:
    """Return what a page says, without its tags."""
    main = answer.text.partition("<main")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", main)))


def look(visitor: Visitor, *paths: str) -> None:
    for path in paths:
        answer = visitor.browser.get(path, timeout=UNTIL)
        assert answer.status_code == 503, (path, answer.text)
        assert answer.headers["content-type"].startswith("text/html"), path
        assert answer.headers["retry-after"], path
        assert "Traceback" not in answer.text, path
        assert "postgres@" not in answer.text, path
        text = said(answer)
        assert "The ledger does not answer" in text or "took longer than 2 s" in text, path


@pytest.fixture(params=[PostgreSql, MariaDb])
def server(request) -> Iterator[Database]:
    made = request.param()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.mark.parametrize("kind", ["stopped", "silent"])
def test_the_ledger_is_away(tmp_path, server, kind, caplog):
    url = sa.make_url(server.new_database())
    with before(server.port) as proxy:
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        with serving(tmp_path, LEDGER_URL=through, WEB_REQUEST_TIMEOUT=PATIENCE) as api:
            api.subscribe()
            visitor = api.visitor(ALL)
            assert visitor.get("/subscriptions").status_code == 200
            caplog.clear()
            if kind == "stopped":
                server.kill()
            else:
                proxy.hush()
            look(visitor, *(PATHS if kind == "stopped" else PATHS[:2]))
            fields = {"name": "ann", "password": "x"}
            answer = httpx.post(f"{api.address}/admin/sign-in", data=fields, timeout=UNTIL)
            assert answer.status_code == 503, answer.text
            # Who asks for the page has no session to look for.
            answer = httpx.get(f"{api.address}/admin/sign-in", timeout=UNTIL)
            assert answer.status_code == 200
            answer = visitor.browser.get("/sign-in", timeout=UNTIL)
            assert answer.status_code == 503
            assert "X-Request-ID" in answer.headers
            if kind == "stopped":
                causes = [one for one in caplog.records if hasattr(one, "error")]
                assert any("127.0.0.1" in one.error for one in causes)
            proxy.speak()


def searched(api: Api) -> httpx.Response:
    return api.visitor(ALL).browser.get("/logs", params={"search": "a"}, timeout=UNTIL)


def test_the_index_is_away(tmp_path, caplog):
    url = f"http://127.0.0.1:{free_port()}"
    with serving(
        tmp_path,
        INDEXER="elasticsearch",
        INDEXERS={"elasticsearch": {"urls": [url]}},
        WEB_REQUEST_TIMEOUT=PATIENCE * 5,
    ) as api:
        api.deliver(api.subscribe())
        answer = searched(api)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert 'name="search"' in answer.text
        assert "The index does not answer" in said(answer)
        assert url not in answer.text
        assert any("Connection" in getattr(one, "error", "") for one in caplog.records)
        visitor = api.visitor(ALL)
        assert visitor.get("/logs").status_code == 200
        assert visitor.get("/").status_code == 200
        by_time = visitor.browser.get("/logs/by-time", params={"search": "a"}, timeout=UNTIL)
        assert by_time.status_code == 503
        assert "index does not answer" in said(by_time)


def test_the_directory_of_the_index_is_unreadable(tmp_path, caplog):
    with serving(tmp_path) as api:
        api.deliver(api.subscribe())
        shutil.rmtree(tmp_path / "index", ignore_errors=True)
        (tmp_path / "index").write_text("no directory")
        answer = searched(api)
        assert answer.status_code == 503
        assert "Traceback" not in answer.text
        assert str(tmp_path) not in answer.text
        assert any(str(tmp_path) in getattr(one, "error", "") for one in caplog.records)


def test_the_broker_is_away(tmp_path):
    url = f"redis://127.0.0.1:{free_port()}/0"
    with serving(tmp_path, BROKER_URL=url) as api:
        answer = api.visitor(ALL).browser.get("/problems", timeout=UNTIL)
        assert answer.status_code == 200
        assert "The broker cannot be used" in said(answer)
        assert "Traceback" not in answer.text
