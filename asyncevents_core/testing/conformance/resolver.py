"""`ServiceResolverConformance`: what every service resolver must do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import to_json
from asyncevents_core.errors import ServiceArguments, ServiceNotFound
from asyncevents_core.ports.resolver import Service, ServiceResolver, ServiceResolverType
from asyncevents_core.testing.conformance.needing import left_out
from asyncevents_core.testing.services import Orders, Unlucky, plain, unlucky

_CALLS: Final = 40
ORDER: Final = {"id": 42, "items": ["tea", "cup"]}


class ServiceResolverConformance:
    """Override `resolver_type`, and `name_of` where services are not named by import path.

    The services are those of `asyncevents_core.testing.services`: the functions `plain` and
    `unlucky`, and the methods `Orders.get` and `Orders.fetch` (asynchronous). Override `unknown`
    with a name that cannot be found, and `uses_build` where instances of classes are not made with
    `build`.
    """

    @pytest.fixture
    def resolver_type(self) -> ServiceResolverType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `resolver_type`")

    @pytest.fixture
    def name_of(self) -> Callable[[Any], str]:
        """Override: a function that returns the `service` that names a function or method."""
        return lambda service: f"{service.__module__}:{service.__qualname__}"

    @pytest.fixture
    def unknown(self) -> str:
        """Override: a service that cannot be found."""
        return "no_such_package.no_such_module:nothing"

    @pytest.fixture
    def uses_build(self) -> bool:
        """Override with False where the resolver gets instances from elsewhere."""
        return True

    @pytest.fixture
    def built(self) -> list[type]:
        """The classes of which the resolver had instances made."""
        return []

    @pytest.fixture
    def resolver(self, resolver_type: ServiceResolverType, built: list[type]) -> ServiceResolver:
        """The resolver under test."""

        def build(cls: type) -> object:
            built.append(cls)
            return cls()

        return resolver_type.open(build)

    def test_it_has_a_name_and_a_title(self, resolver_type: ServiceResolverType) -> None:
        assert resolver_type.name == resolver_type.name.strip().lower() != ""
        assert resolver_type.title

    @pytest.mark.parametrize("service", [plain, Orders.get, Orders.fetch])
    async def test_a_service_returns_its_data(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str], service: Any
    ) -> None:
        found = resolve(resolver, name_of(service))
        assert await call(found, {"id": 42}) == ORDER

    def test_an_unknown_service_is_not_found(self, resolver: ServiceResolver, unknown: str) -> None:
        with pytest.raises(ServiceNotFound, match=re.escape(unknown.rpartition(":")[2])):
            resolve(resolver, unknown)

    async def test_instances_are_made_by_the_application(
        self,
        resolver: ServiceResolver,
        name_of: Callable[[Any], str],
        built: list[type],
        uses_build: bool,
    ) -> None:
        assert await call(resolve(resolver, name_of(Orders.get)), {"id": 42}) == ORDER
        assert built == ([Orders] if uses_build else [])

    def test_an_instance_that_cannot_be_made(
        self,
        resolver_type: ServiceResolverType,
        name_of: Callable[[Any], str],
        uses_build: bool,
    ) -> None:
        def build(cls: type) -> object:
            raise RuntimeError("the container is closed")

        if not uses_build:
            left_out("the fixture `uses_build` says that instances come from elsewhere")
        with pytest.raises(ServiceNotFound, match="the container is closed"):
            resolve(resolver_type.open(build), name_of(Orders.get))

    def test_it_is_used_by_several_threads_at_once(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        shared = resolve(resolver, name_of(plain))

        def work(number: int) -> object:
            return resolve(resolver, name_of(Orders.get)).call({"id": number})

        def work_on_one(number: int) -> object:
            return shared.call({"id": number})

        with ThreadPoolExecutor(8) as pool:
            for how in (work, work_on_one):
                answers = list(pool.map(how, range(_CALLS)))
                assert answers == [{**ORDER, "id": number} for number in range(_CALLS)]

    def test_nothing_is_built_before_it_is_asked_for(
        self, resolver: ServiceResolver, built: list[type]
    ) -> None:
        assert isinstance(resolver, ServiceResolver)
        assert built == []

    async def test_what_is_called_asynchronous_returns_an_awaitable(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        """It is called on the loop; others are called on a thread, whatever they return."""
        for service in (plain, Orders.get, Orders.fetch):
            found = resolve(resolver, name_of(service))
            result = found.call({"id": 42})
            assert inspect.isawaitable(result) or not found.is_async
            assert (await result if inspect.isawaitable(result) else result) == ORDER

    async def test_arguments_are_left_as_they_were(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        arguments: dict[str, object] = {"id": 42}
        for _ in range(2):
            assert await call(resolve(resolver, name_of(plain)), arguments) == ORDER
        assert arguments == {"id": 42}

    async def test_arguments_that_do_not_fit(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        found = resolve(resolver, name_of(plain))
        for wrong in ({}, {"id": 1, "more": 2}, {"other": 1}, {"id": "no number"}):
            with pytest.raises(ServiceArguments):
                await call(found, wrong)

    async def test_what_a_service_raises_passes_through(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        with pytest.raises(Unlucky):
            await call(resolve(resolver, name_of(unlucky)), {"id": 1})

    async def test_the_result_is_json(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str]
    ) -> None:
        assert to_json(await call(resolve(resolver, name_of(plain)), {"id": 1}))


def resolve(resolver: ServiceResolver, service: str) -> Service:
    """Resolve a service by its name."""
    return resolver.resolve(EventDefinition(name="conformance", service=service))


async def call(service: Service, arguments: Mapping[str, object]) -> object:
    """Call a service of either kind."""
    result = service.call(arguments)
    return await result if inspect.isawaitable(result) else result
