"""What plugins put around services: entered and left with each call, whatever its end."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar

import pytest

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.engine.delivering.surroundings import SurroundedResolver
from asyncevents_core.errors import PluginError, ServiceArguments, ServiceFailed
from asyncevents_core.plugin import Service, ServiceResolver, hookimpl
from asyncevents_core.plugin_registry import load_plugins

DEFINITION = EventDefinition(name="order.created", service="shop:load")


class Fixed(ServiceResolver):
    def __init__(self, call, *, is_async):
        self._service = Service(call=call, is_async=is_async)

    def resolve(self, definition):
        return self._service


class Plugin:
    """Notes what its context managers see, and where."""

    def __init__(self, name, seen, *, make=None):
        self._name = self.__name__ = name
        self._seen = seen
        self._make = make

    @hookimpl
    def asyncevents_around_service(self, definition, is_async):
        if self._make is not None:
            return self._make()
        return self._async() if is_async else self._plain(definition)

    @contextmanager
    def _plain(self, definition):
        self._seen.append((f"{self._name} in {definition.name}", threading.get_ident()))
        try:
            yield
        except Exception as error:
            self._seen.append((f"{self._name} out with {error!r}", threading.get_ident()))
            raise
        self._seen.append((f"{self._name} out", threading.get_ident()))

    @asynccontextmanager
    async def _async(self):
        self._seen.append((f"{self._name} in", asyncio.current_task()))
        try:
            yield
        finally:
            self._seen.append((f"{self._name} out", asyncio.current_task()))


def surrounded(call, *plugins, is_async=False):
    loaded = load_plugins(plugins, found=[])
    assert loaded.problems == ()
    assert loaded.surrounds_services
    resolver = SurroundedResolver(Fixed(call, is_async=is_async), loaded.around_service)
    return resolver.resolve(DEFINITION)


def test_each_call_is_surrounded_the_first_plugin_outermost():
    seen = []
    service = surrounded(lambda arguments: arguments, Plugin("a", seen), Plugin("b", seen))
    for number in (1, 2):
        assert service.call({"id": number}) == {"id": number}
    once = ["a in order.created", "b in order.created", "b out", "a out"]
    assert [what for what, _ in seen] == once * 2
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_exceptions_are_seen_and_pass_through():
    seen = []

    def fail(arguments):
        raise ServiceArguments("no id")

    with pytest.raises(ServiceArguments, match="no id"):
        surrounded(fail, Plugin("a", seen)).call({})
    assert seen[-1][0] == "a out with ServiceArguments('no id')"


def test_an_async_service_is_surrounded_in_its_own_task():
    seen = []
    value = ContextVar("value", default="outside")

    @contextmanager
    def context():
        token = value.set("inside")
        try:
            yield
        finally:
            value.reset(token)

    async def load(arguments):
        await asyncio.sleep(0)
        return value.get()

    service = surrounded(
        load, Plugin("a", seen), Plugin("plain", seen, make=context), is_async=True
    )

    async def both():
        return await asyncio.gather(
            asyncio.ensure_future(service.call({})), asyncio.ensure_future(service.call({}))
        )

    assert asyncio.run(both()) == ["inside", "inside"]
    assert sorted(what for what, _ in seen) == ["a in", "a in", "a out", "a out"]
    assert len({id(task) for _, task in seen}) == 2


def test_what_a_plain_service_leaves_to_be_awaited_is_surrounded_there():
    seen = []

    async def later():
        seen.append(("awaited", None))
        return 7

    result = surrounded(lambda arguments: later(), Plugin("a", seen)).call({})
    assert asyncio.run(result) == 7
    assert [what for what, _ in seen] == ["a in order.created", "a out", "a in", "awaited", "a out"]


def test_what_was_entered_is_left_where_the_next_cannot_be_entered():
    seen = []

    @contextmanager
    def broken():
        raise OSError("the container is down")
        yield

    def never(arguments):
        raise AssertionError("called")

    service = surrounded(never, Plugin("a", seen), Plugin("b", seen, make=broken))
    with pytest.raises(OSError, match="the container is down"):
        service.call({})
    assert [what for what, _ in seen] == [
        "a in order.created",
        "a out with OSError('the container is down')",
    ]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_context_manager_that_suppresses_is_named(is_async):
    @contextmanager
    def suppressing():
        with suppress(LookupError):
            yield

    def fail(arguments):
        raise LookupError

    async def fail_later(arguments):
        raise LookupError

    call = fail_later if is_async else fail
    service = surrounded(call, Plugin("a", [], make=suppressing), is_async=is_async)
    with pytest.raises(ServiceFailed, match="shop:load raised an exception, which a context"):
        asyncio.run(service.call({})) if is_async else service.call({})


def test_an_async_context_manager_around_a_plain_service_is_named():
    @asynccontextmanager
    async def only_async():
        yield

    with pytest.raises(PluginError, match="no context manager for shop:load: it is not async"):
        surrounded(lambda _: 1, Plugin("a", [], make=only_async)).call({})


def test_plugins_that_put_nothing_around():
    service = surrounded(lambda _: 1, Plugin("a", [], make=lambda: None))
    assert service.call({}) == 1
    assert not load_plugins([], found=[]).surrounds_services
