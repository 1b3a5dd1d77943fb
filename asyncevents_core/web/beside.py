"""The pages on this machine only, beside a worker: for demos and while one develops."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from attrs import frozen

from asyncevents_core.domain.access import ALL, Actor
from asyncevents_core.engine.managing.users import create_link, create_user
from asyncevents_core.engine.shared.running import wait_for
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.runtime import Runtime
from asyncevents_core.web.app import create_app
from asyncevents_core.web.pages.frame import BASE

USER: Final = "developer"
"""Who signs in by the link; nobody knows a password of theirs."""
_START_WITHIN: Final = 30.0
_LOOK_EVERY: Final = 0.01
_ITSELF: Final = Actor.trusted("application")


@frozen(kw_only=True)
class LocalPages:
    """Pages that are served: where, and a link that signs in once, within ten minutes."""

    address: str
    link: str


@contextmanager
def pages_beside(runtime: Runtime, port: int) -> Iterator[LocalPages]:
    """Serve pages and REST API on 127.0.0.1 while the block runs; port 0: a free one.

    Makes the user `USER`, who may do everything. Raises OSError where it cannot listen, and
    `AsyncEventsError`.
    """
    listening = socket.create_server(("127.0.0.1", port))
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        create_app(runtime),
        http="h11",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="pages", daemon=True
    )
    thread.start()
    try:
        _wait(server, thread)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield LocalPages(address=f"{address}{BASE}", link=f"{address}{_link(runtime)}")
    finally:
        server.should_exit = True
        wait_for(thread)
        listening.close()


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    until = time.monotonic() + _START_WITHIN
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise AsyncEventsError("the pages did not start; the log says why")
        time.sleep(_LOOK_EVERY)


def _link(runtime: Runtime) -> str:
    """Return the path of a link by which `USER` signs in; makes the user where there is none."""
    if runtime.ledger.read(lambda view: view.users.named(USER)) is None:
        create_user(
            runtime.ledger,
            runtime.password_hasher,
            name=USER,
            password=secrets.token_urlsafe(32),
            resources=[ALL],
            tenant=None,
            known=(),
            by=_ITSELF,
        )
    return f"{BASE}/sign-in/link/{create_link(runtime.ledger, USER, by=_ITSELF)}"
