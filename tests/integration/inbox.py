"""A recipient that remembers what arrived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asyncevents_http.background import running
from asyncevents_http.receiver import Arrival, Behaviour, Receiver

SECRET = "supersecret"


class Inbox(Receiver):
    """A receiver that remembers what arrived."""

    arrivals: list[Arrival]

    def behave(self, **behaviour: Any) -> None:
        """Answer what comes from now on in another way."""
        self._behaviour = Behaviour(**behaviour)

    def verify_with(self, *secrets: str) -> None:
        """Verify with these secrets from now on, and with no others."""
        self._secrets = list(secrets)

    @property
    def accepted(self) -> list[Arrival]:
        return [one for one in self.arrivals if one.valid and one.status == 200]


@contextmanager
def open_inbox(*, secrets: Sequence[str] = (SECRET,), **behaviour: Any) -> Iterator[Inbox]:
    """Listen until the block ends; `behaviour` says how it answers."""
    arrivals: list[Arrival] = []
    inbox = Inbox(secrets=secrets, behaviour=Behaviour(**behaviour), arrived=arrivals.append)
    inbox.arrivals = arrivals
    with running(inbox):
        yield inbox
