"""The REST API on a real socket, in a thread of the test's process."""

from __future__ import annotations

import contextlib
import html
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from attrs import define, field, frozen
from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.adapters import builtins
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.allowance import SinkAllowance
from asyncevents_core.domain.delivery import Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.user import Session, Source, User, new_session_text
from asyncevents_core.engine.managing.tokens import create_token
from asyncevents_core.engine.managing.users import create_user
from asyncevents_core.engine.searching.feed import IndexFeed
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.testing.builders import make_attempt, make_delivery, make_event
from asyncevents_core.web.app import create_app, state_of
from asyncevents_core.web.backend import Backend
from tests.hashing import PASSWORD, PlainHasher
from tests.ledgers import put_ledger
from tests.web.shelves import Shelves

EVENTS = {
    "order.created": {"title": "An order was placed"},
    "order.secret": {
        "resources": ["sales", "finance"],
        "description": "An order by somebody whom nobody may know.",
        "version": 2,
        "schema": {
            "type": "object",
            "properties": {
                "id": {"type": "integer", "description": "Its number."},
                "code": {"type": "string", "deprecated": True},
                "state": {"enum": ["new", "paid", "sent"]},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "minItems": 1},
            },
            "required": ["id", "lines"],
            "$defs": {
                "Line": {
                    "title": "Line",
                    "type": "object",
                    "properties": {
                        "sku": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"},
                        "price": {"type": ["string", "null"], "format": "decimal"},
                    },
                    "required": ["sku"],
                }
            },
        },
        "examples": [{"id": 42, "state": "new", "lines": [{"sku": "A-1", "price": "19.99"}]}],
        "deprecated": "Subscribe to order.hidden.",
        "sunset": "2099-01-31",
    },
}
TARGET = "https://example.com/orders"
OPERATOR = Actor.trusted("test")
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It knows no authorities, which take longer to read than most requests to answer."""


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "LEDGER_URL": f"sqlite:///{folder}/ledger.db",
        "BROKER_URL": f"sqla+sqlite:///{folder}/broker.db",
        "SECRET_KEYS": [Fernet.generate_key().decode()],
        "EVENTS": EVENTS,
        "WEB_RATE_LIMIT": 0,
        "INDEXERS": {"embedded": {"path": str(folder / "index"), "memory_mb": 16}},
        **more,
    }


@contextlib.contextmanager
def running(application: Any) -> Iterator[str]:
    """Serve an ASGI application while the block runs; yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application, http="h11", log_config=None, lifespan="auto", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server ended at its start"
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@frozen
class Visitor:
    """Somebody who looks at pages, without JavaScript."""

    browser: httpx.Client
    csrf: str

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.browser.get(path, params=query)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form that a page of ours would have had."""
        return self.browser.post(path, data={"csrf": self.csrf, **fields})

    def notice(self, answer: httpx.Response) -> str:
        """Follow the answer to a form; return what the next page says of it."""
        assert answer.status_code == 303, answer.text
        page = self.browser.get(self.browser.base_url.join(answer.headers["location"]))
        found = re.search(r'role="status">(.*?)</p>', page.text, re.DOTALL)
        assert found, page.text
        return html.unescape(found[1])


@define
class Api:
    """A server, and clients with tokens of their own."""

    events: AsyncEvents
    address: str
    app: Any
    _clients: list[httpx.Client] = field(factory=list)

    @property
    def ledger(self):
        return self.events.runtime.ledger

    def token(
        self,
        *resources: str,
        tenant: str | None = None,
        days: float | None = None,
        sinks: Mapping[str, SinkAllowance] | None = None,
    ) -> str:
        _, text = create_token(
            self.ledger,
            name="-".join(resources),
            resources=resources,
            tenant=tenant,
            days=days,
            sinks=sinks,
            known={"sales", "finance"},
            by=OPERATOR,
        )
        return text

    def client(
        self,
        *resources: str,
        tenant: str | None = None,
        sinks: Mapping[str, SinkAllowance] | None = None,
    ) -> httpx.Client:
        """Return a client whose token has these resources; without any: without a token."""
        headers = {}
        if resources:
            headers["Authorization"] = (
                f"Bearer {self.token(*resources, tenant=tenant, sinks=sinks)}"
            )
        made = httpx.Client(
            base_url=f"{self.address}/rest/V1", headers=headers, timeout=30, verify=NO_TLS
        )
        self._clients.append(made)
        return made

    def visitor(self, *resources: str, tenant: str | None = None) -> Visitor:
        """Return a browser in which somebody with these resources is signed in; without: nobody."""
        made = httpx.Client(base_url=f"{self.address}/admin", timeout=30, verify=NO_TLS)
        self._clients.append(made)
        if not resources:
            return Visitor(made, csrf="")
        text, csrf = self.session(*resources, tenant=tenant)
        made.cookies.set("asyncevents_session", text)
        return Visitor(made, csrf=csrf)

    def user(self, *resources: str, tenant: str | None = None, name: str = "") -> str:
        """Make a user who has these resources, and the password `PASSWORD`; return the name."""
        name = name or f"{'-'.join(resources)} {uuid7().hex[-12:]}"
        create_user(
            self.ledger,
            PlainHasher(),
            name=name,
            password=PASSWORD,
            resources=resources,
            tenant=tenant,
            known={"sales", "finance"},
            by=OPERATOR,
        )
        return name

    def session(self, *resources: str, tenant: str | None = None) -> tuple[str, str]:
        """Sign in a user who has these resources; return the cookie and what forms carry."""
        text, csrf = new_session_text(), uuid7().hex
        user = User(
            id=uuid7(),
            name=f"{'-'.join(resources)} {csrf[-12:]}",
            password_hash="none",
            resources=resources,
            tenant=tenant,
        )
        session = Session(
            id=text.id,
            digest=text.digest,
            user_id=user.id,
            name=user.name,
            source=Source.PASSWORD,
            csrf=csrf,
            expires_at=2**62,
        )

        def write(tx):
            assert tx.users.insert(user)
            tx.users.insert_session(session)

        self.ledger.run(write)
        return text.text, csrf

    def subscribe(
        self, event_name: str = "order.created", *, target: str = TARGET, **more: Any
    ) -> int:
        new = NewSubscription(event_name=event_name, sink="http", target=target, **more)
        return self.events.subscribe(new).id

    def switch(self, subscription_id: int, action: str) -> None:
        """Enable or disable a subscription as somebody does who looks at the list."""
        fields = {"subscription_id": subscription_id, "action": action}
        answer = self.visitor("save").post("/subscriptions/status", **fields)
        assert answer.status_code == 303, answer.text

    def deliver(
        self,
        subscription_id: int,
        *,
        state: DeliveryState = DeliveryState.DELIVERED,
        event_name: str = "order.created",
        tenant: str | None = None,
        response: str = "thanks",
        started_at: int | None = None,
        data: object = 42,
        attempts: int = 1,
    ):
        """Write an event that was delivered, or that is a dead letter; return the delivery's id."""
        body = json.dumps({"specversion": "1.0", "id": "1", "data": {"id": data}}).encode()
        event = make_event(name=event_name, tenant=tenant, arguments=None, body=body)
        dead = state is DeliveryState.DEAD
        delivery = make_delivery(
            id=uuid7(),
            event_id=event.id,
            subscription_id=subscription_id,
            state=state,
            due_at=None,
            reason=DeadReason.PERMANENT if dead else None,
            deaths=int(dead),
            claims=attempts,
        )
        made = [
            make_attempt(
                delivery_id=delivery.id,
                claim_no=number,
                outcome=OutcomeKind.PERMANENT if dead else OutcomeKind.DELIVERED,
                target=TARGET,
                response=response,
                http_status=400 if dead else 200,
                detail="HTTP 400" if dead else "HTTP 200",
                **({} if started_at is None else {"started_at": started_at}),
            )
            for number in range(1, attempts + 1)
        ]

        def write(tx):
            tx.events.insert([event], due_in=0.0)
            tx.events.lock([event.id])
            tx.events.mark_fanned_out([event.id])
            tx.deliveries.insert([delivery])
            tx.outcomes.record(made)
            tx.index.queue([Claim(id=delivery.id, claim_no=one.claim_no) for one in made])

        self.ledger.run(write)
        return delivery.id

    def fail(self, *, tenant: str | None = None, error: str = "ValueError: no order 42") -> UUID:
        """Write an event whose service failed for good; return its id."""
        event = make_event(name="order.created", tenant=tenant, arguments=b'{"id": 42}', body=None)

        def write(tx):
            tx.events.insert([event], due_in=0.0)
            tx.events.lock([event.id])
            tx.events.fail(event.id, deaths=1, error=error, traceback="in orders.py")

        self.ledger.run(write)
        return event.id

    def index(self) -> None:
        """Index everything that waits, as a worker does."""
        with self.events.runtime.open_indexer() as indexer:
            feed = IndexFeed(self.ledger, indexer)
            while feed.step():
                continue

    def close(self) -> None:
        for one in self._clients:
            one.close()


@contextlib.contextmanager
def opened(folder: Path, **more: Any) -> Iterator[AsyncEvents]:
    """Open what an application is made of, with a ledger that is there already or a new one."""
    with AsyncEvents(settings(folder, **more)) as events:
        plugins = load_plugins([builtins, Shelves()])
        events._runtime = Runtime(load_settings(settings(folder, **more)), plugins=plugins)
        events._runtime.password_hasher = PlainHasher()
        if "LEDGER_URL" in more:
            events.upgrade()
        elif not (folder / "ledger.db").exists():
            put_ledger(folder)
        yield events


@contextlib.contextmanager
def serving(folder: Path, **more: Any) -> Iterator[Api]:
    """Serve an application of one's own."""
    with opened(folder, **more) as events:
        app = create_app(events.runtime)
        with running(app) as address:
            api = Api(events=events, address=address, app=app)
            yield api
            api.close()


@define
class Stage:
    """A server that goes on for several tests, each of which has a runtime and a ledger of its own.

    To make an application takes ten times as long as whatever else a test needs. Of the runtime
    it keeps nothing but its state, and the settings that `create_app` reads itself: who needs
    others of these (WEB_PAGES, WEB_MCP, WEB_RATE_LIMIT and others) has another stage, or `serving`.
    """

    api: Api
    _settings: Mapping[str, Any]

    @contextlib.contextmanager
    def play(self, folder: Path, **more: Any) -> Iterator[Api]:
        """Serve what is in a folder while the block runs."""
        with opened(folder, **self._settings, **more) as events:
            runtime, state = events.runtime, self.api.app.state
            backend = Backend(runtime, threads=runtime.settings.web_threads)
            before = state.dict()
            state.update(state_of(runtime, backend))
            backend.start()
            api = Api(events=events, address=self.api.address, app=self.api.app)
            try:
                yield api
            finally:
                api.close()
                state.update(before)
                backend.close()


@contextlib.contextmanager
def staging(folder: Path, **more: Any) -> Iterator[Stage]:
    """Serve while the block runs; nobody writes into the ledger of the stage itself."""
    with serving(folder, **more) as api:
        yield Stage(api=api, settings=more)


def requests_logged(caplog: Any, count: int) -> list[logging.LogRecord]:
    """Wait for so many requests: each is logged after its answer was sent."""
    until = time.monotonic() + 30
    while True:
        found = [one for one in caplog.records if one.getMessage() == "request"]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.01)
