"""The proxy does to connections what the tests say that it does."""

from __future__ import annotations

import socket

import pytest

from tests.services import silence

SOON = 0.3


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        yield listening


@pytest.fixture
def proxy(server):
    with silence.before(server.getsockname()[1]) as made:
        yield made


@pytest.fixture
def connect(proxy, server):
    opened = []

    def connect():
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
        served, _ = server.accept()
        served.settimeout(5)
        opened.extend([client, served])
        return client, served

    yield connect
    for one in opened:
        one.close()


def hears(one):
    one.settimeout(SOON)
    try:
        return one.recv(100)
    except TimeoutError:
        return None
    finally:
        one.settimeout(5)


def test_what_is_held_back_passes_later(proxy, connect):
    client, served = connect()
    proxy.hush()
    client.sendall(b"a")
    served.sendall(b"b")
    assert hears(served) is None
    assert hears(client) is None
    proxy.speak()
    assert served.recv(100) == b"a"
    assert client.recv(100) == b"b"


def test_one_direction_alone(proxy, connect):
    client, served = connect()
    proxy.hush("to_client")
    client.sendall(b"a")
    served.sendall(b"b")
    assert served.recv(100) == b"a"
    assert hears(client) is None


def test_a_connection_that_is_cut_stays_silent_and_new_ones_work(proxy, connect):
    client, served = connect()
    # The proxy knows of the connection: it may have been made on one side only so far.
    client.sendall(b"?")
    assert served.recv(100) == b"?"
    proxy.cut()
    client.sendall(b"a")
    assert hears(served) is None
    # Not even the end is passed on.
    served.close()
    assert hears(client) is None
    client, served = connect()
    client.sendall(b"a")
    assert served.recv(100) == b"a"


def test_a_reset(proxy, connect):
    client, served = connect()
    client.sendall(b"?")
    assert served.recv(100) == b"?"
    proxy.reset()
    for one in (client, served):
        with pytest.raises(ConnectionResetError):
            one.recv(100)


def test_it_outlives_its_server_and_leads_elsewhere(proxy, connect, server):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        proxy.upstream = unused.getsockname()[1]
    refused = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    assert refused.recv(100) == b""
    refused.close()
    proxy.upstream = server.getsockname()[1]
    client, served = connect()
    client.sendall(b"a")
    assert served.recv(100) == b"a"
