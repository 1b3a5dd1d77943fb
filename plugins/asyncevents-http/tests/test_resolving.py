"""Names whose look-up hangs or fails hold up nothing but themselves."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from asyncevents_http import resolving
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused
from asyncevents_http.resolving import GuardedResolver

NOT_FOUND = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
TRY_AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class Dns:
    """Answers as it is told; a name in `hanging` is answered when `released` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: str | Exception = "192.0.2.1"
        self.hanging: set[str] = set()
        self.released = threading.Event()

    def look_up(self, host):
        self.asked.append(host)
        if host in self.hanging:
            self.released.wait(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(socket.AF_INET, self.answer)]


@pytest.fixture
def dns(monkeypatch):
    made = Dns()
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(made.look_up))
    yield made
    made.released.set()


@pytest.fixture
async def resolver():
    made = GuardedResolver(HttpConfig(allow=("192.0.2.0/24",)).guard, threads=2)
    yield made
    await made.close()


async def addresses(resolver, host="shop.example"):
    return [address for _, address in await resolver.resolve(host)]


async def test_a_name_that_hangs_has_one_look_up_and_leaves_the_others_their_threads(dns, resolver):
    dns.hanging.add("dead.example")
    waiting = [asyncio.create_task(addresses(resolver, "dead.example")) for _ in range(20)]
    await asyncio.sleep(0)
    assert await addresses(resolver) == ["192.0.2.1"]
    assert dns.asked.count("dead.example") == 1
    dns.released.set()
    assert await asyncio.gather(*waiting) == [["192.0.2.1"]] * 20


async def test_one_who_gives_up_takes_the_answer_from_nobody(dns, resolver):
    dns.hanging.add("shop.example")
    hasty, patient = (asyncio.create_task(addresses(resolver)) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    dns.released.set()
    assert await patient == ["192.0.2.1"]


async def test_after_a_failure_a_name_rests_and_is_looked_up_again(dns, resolver, monkeypatch):
    monkeypatch.setattr(resolving, "_FAILURE_REST", 10**9)
    monkeypatch.setattr(resolving, "_LONGEST_REST", 0.2)
    dns.answer = NOT_FOUND
    for _ in range(3):
        with pytest.raises(socket.gaierror, match="not known"):
            await addresses(resolver)
    assert dns.asked == ["shop.example"]
    dns.answer = "192.0.2.2"
    async with asyncio.timeout(10):
        while resolver._look_ups:
            await asyncio.sleep(0.01)
    assert await addresses(resolver) == ["192.0.2.2"]


async def test_the_last_answer_serves_while_a_new_look_up_hangs(dns, resolver, monkeypatch):
    monkeypatch.setattr(resolving, "_PATIENCE", 0.05)
    assert await addresses(resolver) == ["192.0.2.1"]
    dns.hanging.add("shop.example")
    dns.answer = "192.0.2.2"
    assert await addresses(resolver) == ["192.0.2.1"]
    dns.released.set()
    async with asyncio.timeout(10):
        while await addresses(resolver) != ["192.0.2.2"]:
            await asyncio.sleep(0.01)


async def test_the_last_answer_serves_while_dns_says_try_again_and_no_longer(dns, resolver):
    await addresses(resolver)
    dns.answer = TRY_AGAIN
    assert await addresses(resolver) == ["192.0.2.1"]
    async with asyncio.timeout(10):
        while resolver._look_ups:
            await asyncio.sleep(0.01)
    dns.answer = NOT_FOUND
    with pytest.raises(socket.gaierror, match="not known"):
        await addresses(resolver)


async def test_an_answer_that_is_too_old_does_not_serve(dns, resolver, monkeypatch):
    await addresses(resolver)
    # A look-up that was over at once is put away in the loop's next turn.
    await asyncio.sleep(0)
    monkeypatch.setattr(resolving, "_ANSWERS_AGE", -1.0)
    dns.answer = TRY_AGAIN
    with pytest.raises(socket.gaierror, match="Temporary failure"):
        await addresses(resolver)


async def test_a_bounded_number_of_answers_is_kept(dns, resolver, monkeypatch):
    monkeypatch.setattr(resolving, "_ANSWERS_KEPT", 3)
    for number in range(5):
        await addresses(resolver, f"shop{number}.example")
    assert list(resolver._answers) == [f"shop{number}.example" for number in (2, 3, 4)]


async def test_the_guard_checks_every_answer(dns, resolver):
    dns.answer = "127.0.0.1"
    with pytest.raises(AddressRefused):
        await addresses(resolver)
