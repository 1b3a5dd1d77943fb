"""What the suites count of files that are open."""

from __future__ import annotations

import gc
import os
import socket

import pytest

from asyncevents_core.testing.conformance.watching import COUNTS, uncollected

files = COUNTS["files"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_a_server_of_the_process_accepted_is_not_counted(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    before = files()
    with socket.create_server((host, 0), family=family) as server:
        assert files() == before + 1
        clients = [socket.create_connection(server.getsockname()[:2]) for _ in range(3)]
        accepted = [server.accept()[0] for _ in clients]
        assert files() == before + 1 + len(clients)
        for one in clients:
            one.close()
        assert files() == before + 1
        for one in accepted:
            one.close()
    assert files() == before


def test_files_pipes_and_other_sockets_are_counted(tmp_path):
    before = files()
    with (tmp_path / "one").open("w"):
        reading, writing = os.pipe()
        left, right = socket.socketpair()
        with left, right, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound:
            assert unbound.getsockname()[1] == 0
            assert files() == before + 6
        os.close(reading)
        os.close(writing)
    assert files() == before


@pytest.mark.parametrize("on", [True, False])
def test_collecting_is_as_it_was_before(on):
    (gc.enable if on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is on
    finally:
        gc.enable()
