"""Ten exercises for those on call: something does not arrive, and has to."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

from tests.exercises.exercise import Exercise, require
from tests.exercises.workbench import SECRET

_OLD_KEY = "4l2eFD4rP1z1dQmJMJcMEX6wXTEzX6gy4q3VQ0pC9wQ="
_NEW_KEY = "vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="


class Repair(Exercise):
    """Three orders that do not arrive, and have to: each once, and later ones, too."""

    numbers = (1, 2, 3)
    later = 4
    ending = """
Find out why, and mend it. Everything that was published has to arrive, each order once; so has what
is published later. Do not publish anything anew. Use `asyncevents` in this folder; let a worker
deliver with `asyncevents worker --drain`.
"""

    def told(self) -> str:
        """See `Exercise`."""
        return super().told() + "\n" + self.ending.rstrip()

    def begin(self, target: str = "", secret: str = SECRET, **settings: object) -> None:
        """Make the ledger and a subscription to `order.created`."""
        self.bench.write_settings(**{"MAXIMUM_DEATHS": 0, **settings})
        self.bench.asyncevents("db", "upgrade")
        self.subscribe(target or self.bench.inbox.url, secret)

    def subscribe(self, target: str, secret: str = SECRET, *, to: str = "order.created") -> None:
        """Subscribe a target."""
        self.bench.asyncevents("subscribe", to, target, "--secret", secret)

    def publish_and_deliver(self) -> None:
        """Publish the orders, and let a worker try to deliver them."""
        self.bench.publish("order.created", *({"number": one} for one in self.numbers))
        self.bench.deliver()

    def check(self) -> None:
        """See `Exercise`."""
        self.bench.publish("order.created", {"number": self.later})
        self.bench.deliver()
        self.bench.require_numbers(*self.numbers, self.later)


class WrongSecret(Repair):
    """A secret that is not the recipient's."""

    name = "wrong-secret"
    instruction = """
Three orders did not arrive at the recipient. Its people say that they refuse what is not
signed with their secret, {secret}.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin(secret="whsec_" + "C" * 32)
        self.publish_and_deliver()


class Gone(Repair):
    """A recipient that has moved, and says so."""

    name = "gone"
    instruction = """
Three orders did not arrive. The recipient's people have moved: they want everything at
{recipient} from now on, signed as before.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin(self.bench.another_inbox(410).url)
        self.publish_and_deliver()


class UnknownHost(Repair):
    """A name that nobody has."""

    name = "unknown-host"
    instruction = """
Three orders did not arrive at the recipient, {recipient}. Its people saw no request of ours
at all.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin(self.bench.inbox.url.replace("127.0.0.1", "recipient.invalid"))
        self.publish_and_deliver()


class PoisonPayload(Repair):
    """A service that one order makes fail."""

    name = "poison-payload"
    instruction = """
Of three orders one did not arrive at the recipient, {recipient}: it has no country.
Recipients should get it with the country "unknown".
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.write(
            "orders.py",
            "ORDERS = {1: {'country': 'DE'}, 2: {}, 3: {'country': 'AT'}, 4: {'country': 'US'}}\n"
            "\n\n"
            "def load(number: int) -> dict:\n"
            "    return {'number': number, 'country': ORDERS[number]['country'].upper()}\n",
        )
        self.begin(EVENTS={"order.created": {"service": "orders:load"}})
        self.publish_and_deliver()

    def check(self) -> None:
        """See `Exercise`."""
        super().check()
        got = {one["number"]: one["country"] for one in self.bench.arrived()}
        require(got == {1: "DE", 2: "unknown", 3: "AT", 4: "US"}, f"the recipient got {got}")


class NotAllowed(Repair):
    """A recipient in the own network."""

    name = "not-allowed"
    instruction = """
Three orders did not arrive at the recipient, {recipient}. It is in our own network, and we
trust it; nothing else in our network may be reached that way.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin()
        self.bench.write_settings(MAXIMUM_DEATHS=0, SINKS={"http": {}})
        self.publish_and_deliver()

    def check(self) -> None:
        """See `Exercise`."""
        super().check()
        target = "http://10.1.2.3/"
        said = self.bench.asyncevents("check", "--sink", "http", "--target", target, code=None)
        require("not allowed" in said or "public" in said, f"10.1.2.3 can be reached, too: {said}")


class TooSlow(Repair):
    """A recipient that takes longer than it is given."""

    name = "too-slow"
    instruction = """
Three orders are recorded as failed. The recipient, {recipient}, needs up to two seconds for
an answer; that is as it should be. It keeps what it is sent twice only once.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.inbox.behave(delay=1.0)
        self.begin(SINKS={"http": {"allow": ["127.0.0.0/8"], "timeout": 0.3}})
        self.publish_and_deliver()
        # What came too late is forgotten here, as a recipient does that takes nothing back.
        self.bench.inbox.arrivals.clear()


class Disabled(Repair):
    """A subscription that was disabled, since its recipient had failed for too long."""

    name = "disabled"
    instruction = """
The recipient, {recipient}, was away for a while. It is back, and its people wait for the
orders 1, 2 and 3, and for those that come.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin(FAILING={"disable_failures": 3}, MAXIMUM_DEATHS=0)
        self.bench.inbox.behave(status=503)
        self.publish_and_deliver()
        require(
            self.bench.rows("subscriptions", "list")[0]["status"] == "disabled",
            "the subscription was not disabled",
        )
        self.bench.inbox.behave()


class WrongName(Repair):
    """An event under a name to which nobody subscribed."""

    name = "wrong-name"
    ending = ""
    instruction = """
The application publishes `order.created` (see `asyncevents published`), but nothing of it
arrives at the recipient, {recipient}. Let what comes from now on arrive, and the orders
that were published already. For this once you may publish these anew, under an event id of
your own.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.bench.write_settings(EVENTS={"order.created": {}, "orders.created": {}})
        self.bench.asyncevents("db", "upgrade")
        self.subscribe(self.bench.inbox.url, to="orders.created")
        self.publish_and_deliver()


class LostKey(Repair):
    """A key that was exchanged and not kept."""

    name = "lost-key"
    instruction = """
Somebody has put a new key into `SECRET_KEYS`. Since then nothing arrives at the recipient,
{recipient}. The key of before is in `old-key.txt`. In the end the old key must not be
needed any more, and not be in the settings.
"""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.begin(SECRET_KEYS=[_OLD_KEY])
        self.bench.write("old-key.txt", _OLD_KEY + "\n")
        self.bench.write_settings(MAXIMUM_DEATHS=0, SECRET_KEYS=[_NEW_KEY])
        self.publish_and_deliver()

    def check(self) -> None:
        """See `Exercise`."""
        super().check()
        self.bench.asyncevents("secrets", "rotate", "--check")
        keys = self.bench.python("import asyncevents_settings as s; print(*s.SECRET_KEYS)").split()
        require(keys == [_NEW_KEY], "the old key is still in the settings, or the new one is not")


class FullDisk(Repair):
    """A ledger on a disk that is full."""

    name = "full-disk"
    instruction = """
Nothing can be published any more: `asyncevents publish` fails, and the orders 1, 2 and 3,
which were published before, do not arrive at the recipient, {recipient}. The ledger is in
`data`, a small disk of its own. The exports on it (`data/export-*`) must be kept, but need
not be there.
"""

    @classmethod
    def missing(cls) -> str:
        """See `Exercise`."""
        if os.geteuid() or not shutil.which("mount"):
            return "only root can mount a small disk"
        return ""

    def prepare(self) -> None:
        """See `Exercise`."""
        self.disk = self.bench.folder / "data"
        self.disk.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "exercise", str(self.disk)], check=True
        )
        self.begin(LEDGER_URL=f"sqlite:///{self.disk}/ledger.db")
        self.bench.publish("order.created", *({"number": one} for one in self.numbers))
        self.export = random.randbytes(1000)
        _fill(self.disk, self.export)

    def check(self) -> None:
        """See `Exercise`."""
        found = list(self.bench.folder.rglob("export-1.bin"))
        require(
            any(one.read_bytes()[:1000] == self.export for one in found), "an export was not kept"
        )
        super().check()

    def clean(self) -> None:
        """See `Exercise`."""
        if getattr(self, "disk", None) is not None:
            subprocess.run(["umount", str(self.disk)], check=False)


def _fill(folder: Path, first: bytes) -> None:
    """Write until not a block is left."""
    for number in (1, 2):
        with (folder / f"export-{number}.bin").open("wb", buffering=0) as file:
            file.write(first)
            try:
                # The first leaves room for the second: both are in the way.
                for _ in range(8_000 if number == 1 else 10**6):
                    file.write(bytes(1024))
            except OSError:
                return


REPAIRING: tuple[type[Exercise], ...] = (
    WrongSecret,
    Gone,
    UnknownHost,
    PoisonPayload,
    NotAllowed,
    TooSlow,
    Disabled,
    WrongName,
    LostKey,
    FullDisk,
)
