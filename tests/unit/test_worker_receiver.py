"""The thread that receives from the broker: when it says that it does."""

from __future__ import annotations

import queue
import time
from contextlib import contextmanager

import pytest

from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.worker.inboxes import Bell, Inbox
from asyncevents_core.worker.receiver import Receiver

WAIT = 30.0
AWAY = BrokerUnavailable("nobody answers")


class Script:
    """A consumer that connects when it is first asked; what it does then is put into a queue."""

    def __init__(self):
        self.answers = queue.Queue()
        self.asked = queue.Queue()

    def receive(self, timeout):
        self.asked.put(None)
        answer = self.answers.get(timeout=WAIT)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def neighbours(self):
        return ()

    @contextmanager
    def connect(self):
        yield self


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def receiver(script):
    made = Receiver(
        name="receiver", connect=script.connect, inbox=Inbox(Bell()), met=lambda _: None
    )
    made.start()
    yield made
    made._stop.set()
    script.answers.put([])
    made.stop()


def test_it_is_connected_when_the_broker_has_answered(receiver, script):
    def becomes(wanted):
        until = time.monotonic() + WAIT
        while receiver.connected is not wanted:
            assert time.monotonic() < until
            time.sleep(0.01)

    for answer in (AWAY, AWAY, []):
        # Where nobody answers, it takes until a time limit to find out.
        script.asked.get(timeout=WAIT)
        assert not receiver.connected
        script.answers.put(answer)
    becomes(True)
    script.asked.get(timeout=WAIT)
    assert receiver.connected
    script.answers.put(AWAY)
    becomes(False)
    script.asked.get(timeout=WAIT)
    assert not receiver.connected
