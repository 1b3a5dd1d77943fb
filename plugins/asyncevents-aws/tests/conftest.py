"""moto as AWS, and a proxy before it that can fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from aws_places import KEYS, REGION, Places
from aws_proxy import Proxy, running


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch):
    """Whatever is set on this machine must not matter."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def proxy(moto) -> Iterator[Proxy]:
    with running(moto[1]) as proxy:
        yield proxy


@pytest.fixture
def places(moto, proxy) -> Iterator[Places]:
    made = Places(f"http://{moto[0]}:{moto[1]}", proxy.url)
    yield made
    made.close()


@pytest.fixture
def settings(proxy) -> dict[str, object]:
    return {"endpoint_url": proxy.url, "region": REGION, "timeout": 2.0, **KEYS}
