"""A server with the door for agents, clients of it, and a receiver of callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.mcp.asking import Agent
from tests.web.mcp.receiving import Receiver, receiving
from tests.web.serving import Api, Stage, staging

REACHABLE = {"mcp": {"allow": ["127.0.0.0/8"], "https_only": False}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    more = {"WEB_MCP": True, "EAGER": True, "SINKS": REACHABLE}
    with staging(tmp_path_factory.mktemp("stage"), **more) as made:
        yield made


@pytest.fixture
def agent(api: Api) -> Callable[..., Agent]:
    """Make clients whose tokens have these resources."""

    def make(*resources: str, tenant: str | None = None, **headers: str) -> Agent:
        client = api.client(*resources, tenant=tenant)
        client.headers.update({name.replace("_", "-"): one for name, one in headers.items()})
        return Agent(client, address=f"{api.address}/mcp")

    return make


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def subscription(receiver: Receiver) -> dict[str, Any]:
    """What subscribes the receiver to orders."""
    return {
        "name": "order.created",
        "arguments": {},
        "delivery": {"mode": "webhook", "url": receiver.url, "secret": receiver.secret},
        "cursor": None,
    }
