"""What systemd is told, read from a socket as systemd has it."""

from __future__ import annotations

import os
import socket

import pytest

from asyncevents_core import service_manager
from asyncevents_core.service_manager import ServiceManager


@pytest.fixture(params=["file", "abstract"])
def systemd(request, tmp_path, monkeypatch):
    """A socket that hears, and the address that a service gets."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        if request.param == "file":
            hears.bind("notify")
            address = "notify"
        else:
            hears.bind(f"\0asyncevents-{os.getpid()}")
            address = f"@asyncevents-{os.getpid()}"
        hears.setblocking(False)
        yield hears, address


def heard(hears):
    found = []
    while True:
        try:
            found.append(hears.recv(100).decode())
        except BlockingIOError:
            return found


def test_it_is_told_and_children_get_no_variables(systemd):
    hears, address = systemd
    environment = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "2000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    manager = ServiceManager(environment)
    assert environment == {"HOME": "/"}
    manager.ready()
    manager.alive()
    manager.stopping()
    assert heard(hears) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_it_hears_twice_within_its_time_however_often_it_could(systemd, monkeypatch):
    hears, address = systemd
    now = [100.0]
    monkeypatch.setattr(service_manager.time, "monotonic", lambda: now[0])
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"})
    for _ in range(30):
        manager.alive()
        now[0] += 0.1
    assert heard(hears) == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}]
)
def test_no_sign_of_life_where_none_is_wanted_of_this_process(systemd, more):
    hears, address = systemd
    manager = ServiceManager({"NOTIFY_SOCKET": address, **more})
    manager.alive()
    assert heard(hears) == []


def test_without_systemd_nothing_is_told():
    manager = ServiceManager({})
    manager.ready()
    manager.alive()
    manager.stopping()


def test_one_that_is_gone_is_told_to_the_log(tmp_path, caplog):
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    (record,) = caplog.records
    assert (record.message, record.state) == ("systemd cannot be told", "READY=1")
