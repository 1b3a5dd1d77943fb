"""A server that speaks Amazon's protocols, and one that misbehaves."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from amazon import Amazon, sent_as
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from aws_places import KEYS, REGION, Places
from aws_proxy import Proxy, running

KINDS = [EventBridgeSinkType(), SqsSinkType(), SnsSinkType(), KinesisSinkType()]


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
                 "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


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
    return {"endpoint_url": proxy.url, "region": REGION, "timeout": 30.0, **KEYS}


@pytest.fixture(scope="session")
def moto_url(moto):
    host, port = moto
    return f"http://{host}:{port}"


@pytest.fixture
def amazon(moto_url):
    found = Amazon(moto_url)
    yield found
    found.close()


@pytest.fixture
async def threaded():
    """Open a sink as the engine does; takes a type and a configuration."""
    made = []

    def make(kind, config):
        made.append(ThreadedSink(kind.open(config), concurrency=kind.concurrency, name=kind.name))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def calls(monkeypatch):
    """The names and parameters of all calls that the SDK makes."""
    made = []
    original = boto3.session.Session.client

    def client(self, *arguments, **options):
        found = original(self, *arguments, **options)
        found.meta.events.register(
            "before-parameter-build.*.*",
            lambda params, model, **_: made.append((model.name, params)),
        )
        return found

    monkeypatch.setattr(boto3.session.Session, "client", client)
    return made


@pytest.fixture
def faulty():
    """Serve one answer to everything; `answer(status, body, headers)` returns the URL.

    Without a status it never answers, until the test is over.
    """
    stopping, over = [], threading.Event()

    def answer(status=None, body=b"", headers=()):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                if status is None:
                    over.wait(30)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        stopping.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield answer
    over.set()
    for server, thread in stopping:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=KINDS, ids=lambda one: one.name)
def kind(request):
    return request.param


@pytest.fixture
def place(kind, amazon):
    """A target of that kind, and a function that returns the bodies that arrived there."""
    if kind.name == "kinesis":
        stream = amazon.stream()
        return stream, lambda: [one["Data"] for one in amazon.records(stream)]
    queue = amazon.queue()

    def bodies():
        return [one["Body"].encode() for one in amazon.messages(queue)]

    if kind.name == "sqs":
        return queue, bodies
    if kind.name == "sns":
        topic = amazon.topic()
        amazon.hear(topic, queue)
        return topic, bodies
    return amazon.bus(queue), lambda: [sent_as(json.loads(one)["detail"]) for one in bodies()]
