"""`ServiceResolverConformance`: what every service resolver must do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.jsontext import to_json
from asyncevents_core.errors import ServiceArguments, ServiceNotFound
from asyncevents_core.ports.resolver import Service, ServiceResolver, ServiceResolverType
from asyncevents_core.testing.services import Orders, Unlucky, plain, unlucky

ORDER = {"id": 42, "items": ["tea", "cup"]}


class ServiceResolverConformance:
    """Override `resolver_type`, and `name_of` where services are not named by import path."""

    @pytest.fixture
    def resolver_type(self) -> ServiceResolverType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `resolver_type`")

    @pytest.fixture
    def name_of(self) -> Callable[[Any], str]:
        """Override: a function that returns the `service` that names a function or method."""
        return lambda service: f"{service.__module__}:{service.__qualname__}"

    @pytest.fixture
    def resolver(self, resolver_type: ServiceResolverType) -> ServiceResolver:
        """The resolver under test."""

        def build(cls: type) -> object:
            return cls()

        return resolver_type.open(build)

    @pytest.mark.parametrize("service", [plain, Orders.get, Orders.fetch])
    async def test_a_service_returns_its_data(
        self, resolver: ServiceResolver, name_of: Callable[[Any], str], service: Any
    ) -> None:
        found = resolve(resolver, name_of(service))
        assert found.is_async == inspect.iscoroutinefunction(service)
        assert await call(found, {"id": 42}) == ORDER

    def test_an_unknown_service_is_not_found(self, resolver: ServiceResolver) -> None:
        with pytest.raises(ServiceNotFound):
            resolve(resolver, "no_such_package.no_such_module:nothing")

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
