"""An ASGI application on a server that speaks WSGI, byte by byte and mistake by mistake."""

from __future__ import annotations

import asyncio
import io
import logging
import multiprocessing
import queue
import threading
from logging.handlers import QueueHandler

import pytest
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from asyncevents_flask.asgi_in_wsgi import AsgiInWsgi

LARGE = b"x" * 300_000


async def body_of(receive):
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message["body"])
        more = message["more_body"]
    return parts


async def answer(send, body=b"", status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def client(application):
    return Client(AsgiInWsgi(lambda: application))


def test_a_request_is_what_it_was():
    seen = {}

    async def application(scope, receive, send):
        seen.update(scope)
        await answer(send, b"".join(await body_of(receive)), 201, [(b"x-answer", b"yes")])

    served = AsgiInWsgi(lambda: application)
    found = Client(served).post(
        "/orders/ü?a=1&b=2",
        data="äöü".encode(),
        headers={"X-Ask": "no", "Content-Type": "text/plain"},
        environ_overrides={"SCRIPT_NAME": "/events", "REMOTE_ADDR": "10.1.2.3"},
    )
    assert (found.status_code, found.data) == (201, "äöü".encode())
    assert found.headers["x-answer"] == "yes"
    assert seen["method"] == "POST"
    assert (seen["path"], seen["root_path"]) == ("/events/orders/ü", "/events")
    assert seen["query_string"] == b"a=1&b=2"
    assert seen["client"][0] == "10.1.2.3"
    headers = dict(seen["headers"])
    assert headers[b"x-ask"] == b"no"
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"content-length"] == b"6"


def test_a_large_body_comes_in_parts():
    async def application(scope, receive, send):
        parts = await body_of(receive)
        assert len(parts) > 3
        assert max(map(len, parts)) <= 65_536
        await answer(send, b"".join(parts))

    assert client(application).post("/", data=LARGE).data == LARGE


def test_a_body_of_unknown_length():
    async def application(scope, receive, send):
        await answer(send, b"".join(await body_of(receive)))

    environ = EnvironBuilder(method="POST").get_environ()
    environ |= {"wsgi.input": io.BytesIO(LARGE), "wsgi.input_terminated": True}
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked"}
    environ.pop("CONTENT_LENGTH", None)
    body, _, _ = run_wsgi_app(AsgiInWsgi(lambda: application), environ)
    assert b"".join(body) == LARGE


def test_an_answer_is_sent_as_it_is_made():
    go_on = threading.Event()

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(go_on.wait, 30)
        await send({"type": "http.response.body", "body": b"last"})

    answered = client(application).get("/", buffered=False)
    parts = answered.iter_encoded()
    assert next(parts) == b"first"
    go_on.set()
    assert b"".join(parts) == b"last"


def test_a_client_that_goes_away():
    ended = threading.Event()

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
        finally:
            ended.set()

    answered = client(application).get("/", buffered=False)
    assert next(answered.iter_encoded()) == b"more"
    answered.close()
    assert ended.wait(30), "the application goes on for nobody"


def test_who_waits_for_the_end_hears_of_it():
    heard = threading.Event()

    async def application(scope, receive, send):
        await body_of(receive)
        gone = asyncio.ensure_future(receive())
        await answer(send, b"done")
        assert (await gone)["type"] == "http.disconnect"
        heard.set()

    assert client(application).get("/").data == b"done"
    assert heard.wait(30)


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_is_the_servers_to_report(begun):
    async def application(scope, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise KeyError("odd")

    with pytest.raises(KeyError, match="odd"):
        client(application).get("/").data  # noqa: B018


def test_no_answer_is_an_error():
    async def application(scope, receive, send):
        pass

    with pytest.raises(RuntimeError, match="without a complete answer"):
        client(application).get("/")


def test_an_error_after_the_answer_is_logged():
    said: queue.Queue[logging.LogRecord] = queue.Queue()

    async def application(scope, receive, send):
        await answer(send, b"done")
        raise KeyError("late")

    logger, handler = logging.getLogger("asyncevents.flask"), QueueHandler(said)
    logger.addHandler(handler)
    try:
        assert client(application).get("/").data == b"done"
        assert "failed after it was answered" in said.get(timeout=30).getMessage()
    finally:
        logger.removeHandler(handler)


def test_many_at_once():
    async def application(scope, receive, send):
        await asyncio.sleep(0.01)
        await answer(send, b"".join(await body_of(receive)))

    served = Client(AsgiInWsgi(lambda: application))
    found = {}

    def ask(number):
        found[number] = served.post("/", data=str(number)).data

    threads = [threading.Thread(target=ask, args=(one,)) for one in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert found == {one: str(one).encode() for one in range(40)}


def test_a_mistake_in_making_it_is_made_again(monkeypatch):
    made = []

    async def application(scope, receive, send):
        await answer(send, b"there")

    def make():
        made.append(1)
        if len(made) == 1:
            raise KeyError("not yet")
        return application

    served = Client(AsgiInWsgi(make))
    before = threading.active_count()
    with pytest.raises(KeyError):
        served.get("/")
    assert threading.active_count() == before
    assert served.get("/").data == served.get("/").data == b"there"
    assert len(made) == 2


def _ask(served, answers):
    answers.put(served.get("/").data)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_after_a_fork_it_is_made_anew():
    async def application(scope, receive, send):
        await answer(send, b"there")

    served = Client(AsgiInWsgi(lambda: application))
    assert served.get("/").data == b"there"
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_ask, args=(served, answers))
    child.start()
    try:
        assert answers.get(timeout=60) == b"there"
    finally:
        child.kill()
        child.join()
