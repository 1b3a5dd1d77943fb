"""Receivers in frameworks, by the code of docs/how-to/receive-webhooks.md."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import django.conf
import httpx
import pytest
from attrs import evolve
from django.test import Client, override_settings

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.payload import envelope
from asyncevents_core.testing import make_request
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.modes import STRUCTURED_TYPE
from tests.conftest import skip_unless_present
from tests.services.needs import OPENID, PHP
from tests.services.ports import free_port

PAGE = Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md"
CODE = {
    found["kind"]: found["code"]
    for found in re.finditer(
        r"```python\n# receive\.py, for (?P<kind>.+?)\n(?P<code>.*?)```",
        PAGE.read_text(),
        re.DOTALL,
    )
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Post = Callable[[bytes, Mapping[str, str]], int]
"""Posts a body with headers to ``/orders``; returns the status."""


def signed(secret: str) -> tuple[bytes, dict[str, str]]:
    """Return a body and headers as the sink sends them."""
    event_id, now = uuid7(), time.time_ns() // 1000
    body = envelope(
        event_id=event_id,
        name="order.created",
        source="/shop",
        occurred_at=now,
        tenant=None,
        data=b'{"id":42}',
    )
    request = make_request(target="http://127.0.0.1/", event_id=event_id, secrets=(secret,))
    found = HttpSinkType().request_of(evolve(request, body=body), HttpConfig(), at=time.time())
    assert found is not None
    return body, dict(found.headers)


def in_fastapi(app: ModuleType) -> Post:
    async def post(body: bytes, headers: Mapping[str, str]) -> int:
        transport = httpx.ASGITransport(app=app.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.post("/orders", content=body, headers=headers)).status_code

    return lambda body, headers: asyncio.run(post(body, headers))


def in_flask(app: ModuleType) -> Post:
    client = app.app.test_client()
    return lambda body, headers: client.post("/orders", data=body, headers=headers).status_code


def in_django(app: ModuleType) -> Post:
    client = Client(enforce_csrf_checks=True)

    def post(body: bytes, headers: Mapping[str, str]) -> int:
        with override_settings(ROOT_URLCONF=app):
            kind = headers["content-type"]
            found = client.post("/orders", data=body, content_type=kind, headers=headers)
        return found.status_code

    return post


KINDS = {"FastAPI": in_fastapi, "Flask": in_flask, "Django": in_django}


@pytest.fixture(scope="module", autouse=True)
def _django():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(django.conf.settings), "_wrapped", django.conf.empty)
        django.conf.settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x")
        yield


def test_all_of_the_page_is_run():
    assert CODE.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_what_is_signed_and_nothing_else(kind, capsys):
    app = ModuleType("receive")
    exec(compile(CODE[kind], str(PAGE), "exec"), app.__dict__)
    post = KINDS[kind](app)
    body, headers = signed(SECRET)

    assert post(body, headers) == 200
    assert capsys.readouterr().out == "order.created {'id': 42}\n"
    assert post(body, headers) == 200
    assert capsys.readouterr().out == ""

    assert post(body + b" ", headers) == 401
    assert post(*signed("whsec_c29tZWJvZHkgZWxzZQ==")) == 401
    assert post(body, {"content-type": STRUCTURED_TYPE}) == 401
    assert capsys.readouterr().out == ""


PROGRAMS = {
    name: found
    for name, pattern in (
        ("receive.mjs", r"```javascript\n(// receive\.mjs, .*?)```"),
        ("receive.php", r"```php\n(<\?php\n// receive\.php, .*?)```"),
    )
    if (found := re.search(pattern, PAGE.read_text(), re.DOTALL)) is not None
}


@pytest.mark.parametrize(
    ("name", "service", "command"),
    [
        ("receive.mjs", OPENID, ["node", "receive.mjs"]),
        ("receive.php", PHP, ["php", "-S", "127.0.0.1:{port}", "receive.php"]),
    ],
    ids=["Node", "PHP"],
)
def test_programs_in_other_languages(tmp_path, name, service, command):
    skip_unless_present(service)
    (tmp_path / name).write_text(PROGRAMS[name][1])
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "TMPDIR": str(tmp_path)}
    with (tmp_path / "output").open("wb") as output:
        program = subprocess.Popen(
            [one.format(port=port) for one in command],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(port, program)

        def post(body: bytes, headers: Mapping[str, str]) -> int:
            url = f"http://127.0.0.1:{port}/orders"
            return httpx.post(url, content=body, headers=dict(headers)).status_code

        body, headers = signed(SECRET)
        assert [post(body, headers), post(body, headers)] == [200, 200]
        assert post(body + b" ", headers) == 401
        assert post(*signed("whsec_c29tZWJvZHkgZWxzZQ==")) == 401
        assert post(body, {"content-type": STRUCTURED_TYPE}) == 401
        old = {**headers, "webhook-timestamp": "1000000000"}
        assert post(body, old) == 401
    finally:
        program.kill()
        program.wait()
    said = (tmp_path / "output").read_text()
    assert said.count('order.created {"id":42}') == 1, said


def wait_for(port: int, program: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        assert program.poll() is None, "it has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, "it does not listen"
            time.sleep(0.05)
