"""Service resolvers: with one mistake each, and some that are only unusual."""

from __future__ import annotations

import inspect
import threading

import pytest

from asyncevents_core.adapters.importing import ImportResolverType
from asyncevents_core.errors import ServiceArguments, ServiceNotFound
from asyncevents_core.ports.resolver import Service, ServiceResolver, ServiceResolverType
from asyncevents_core.testing import ServiceResolverConformance
from asyncevents_core.testing.services import Orders, plain, unlucky


class Suite(ServiceResolverConformance):
    """The resolver `import`, of which a subclass changes what is found."""

    noticed_by = ""

    def changed(self, service, definition):
        """Return what replaces a service that was found."""
        return service

    def unfound(self, error, definition):
        raise error

    def opened(self, resolver, build):
        """Do something when it is opened."""

    def wrapped(self, build):
        return build

    @pytest.fixture
    def resolver_type(self):
        suite = self

        class Resolver(ServiceResolver):
            def __init__(self, build):
                self._inner = ImportResolverType().open(suite.wrapped(build))
                suite.opened(self._inner, build)

            def resolve(self, definition):
                try:
                    found = self._inner.resolve(definition)
                except ServiceNotFound as error:
                    return suite.unfound(error, definition)
                return suite.changed(found, definition)

        class Kind(ServiceResolverType):
            name = "mistaken"
            title = "Mistaken"

            def open(self, build):
                return Resolver(build)

        return Kind()


class TestResolverAsItIs(Suite):
    pass


class TestResolverThatRemembers(Suite):
    """What was found once is not looked for again."""

    def opened(self, resolver, build):
        self.known = {}

    def changed(self, service, definition):
        return self.known.setdefault(definition.service, service)


class TestResolverOfARegistry(Suite):
    """Services have short names, and instances come from a list of its own."""

    names = ("plain", "unlucky", "orders.get", "orders.fetch")

    @pytest.fixture
    def uses_build(self):
        return False

    @pytest.fixture
    def unknown(self):
        return "nothing"

    @pytest.fixture
    def name_of(self):
        return lambda service: service.__qualname__.lower()

    @pytest.fixture
    def resolver_type(self):
        orders = Orders()
        known = {
            "plain": plain,
            "unlucky": unlucky,
            "orders.get": orders.get,
            "orders.fetch": orders.fetch,
        }

        class Registry(ServiceResolver):
            def resolve(self, definition):
                if definition.service not in known:
                    raise ServiceNotFound(f"{definition.service} is not registered")
                function = known[definition.service]

                def call(arguments):
                    if set(arguments) != {"id"} or not isinstance(arguments["id"], int):
                        raise ServiceArguments("one id, a number")
                    return function(**arguments)

                return Service(call=call, is_async=inspect.iscoroutinefunction(function))

        class Kind(ServiceResolverType):
            name = "registry"
            title = "Registry"

            def open(self, build):
                return Registry()

        return Kind()


class TestResolverThatFindsEverything(Suite):
    noticed_by = "test_an_unknown_service_is_not_found"

    def unfound(self, error, definition):
        return Service(call=lambda arguments: {})


class TestResolverThatDoesNotSayWhat(Suite):
    noticed_by = "test_an_unknown_service_is_not_found"

    def unfound(self, error, definition):
        raise ServiceNotFound("not found") from error


class TestResolverWithErrorsOfItsOwn(Suite):
    noticed_by = "test_an_unknown_service_is_not_found"

    def unfound(self, error, definition):
        raise LookupError(definition.service) from error


class TestResolverThatBuildsByItself(Suite):
    noticed_by = "test_instances_are_made_by_the_application"

    def wrapped(self, build):
        return lambda cls: cls()


class TestResolverThatBuildsTwice(Suite):
    noticed_by = "test_instances_are_made_by_the_application"

    def wrapped(self, build):
        return lambda cls: (build(cls), build(cls))[0]


class TestResolverThatBuildsTooSoon(Suite):
    noticed_by = "test_nothing_is_built_before_it_is_asked_for"

    def opened(self, resolver, build):
        build(Orders)


class TestResolverThatHidesWhyNothingWasBuilt(Suite):
    noticed_by = "test_an_instance_that_cannot_be_made"

    def wrapped(self, build):
        def tried(cls):
            try:
                return build(cls)
            except RuntimeError:
                return cls()

        return tried


class _Calling(Suite):
    def call(self, service, arguments):
        return service.call(arguments)

    def changed(self, service, definition):
        return Service(
            call=lambda arguments: self.call(service, arguments), is_async=service.is_async
        )


class TestResolverThatSwallowsErrors(_Calling):
    noticed_by = "test_what_a_service_raises_passes_through"

    def call(self, service, arguments):
        try:
            return service.call(arguments)
        except ServiceArguments:
            raise
        except Exception:
            return None


class TestResolverThatWrapsErrors(_Calling):
    noticed_by = "test_what_a_service_raises_passes_through"

    def call(self, service, arguments):
        try:
            return service.call(arguments)
        except ServiceArguments:
            raise
        except Exception as error:
            raise RuntimeError("the service failed") from error


class TestResolverThatDropsArguments(_Calling):
    noticed_by = "test_arguments_that_do_not_fit"

    def call(self, service, arguments):
        return service.call({"id": arguments.get("id", 1)})


class TestResolverThatLetsTypeErrorsThrough(_Calling):
    noticed_by = "test_arguments_that_do_not_fit"

    def call(self, service, arguments):
        try:
            return service.call(arguments)
        except ServiceArguments as error:
            raise TypeError(str(error)) from error


class TestResolverThatTakesArgumentsAway(_Calling):
    noticed_by = "test_arguments_are_left_as_they_were"

    def call(self, service, arguments):
        return service.call({"id": arguments.pop("id")})


class TestResolverThatReturnsObjects(_Calling):
    noticed_by = "test_the_result_is_json"

    def call(self, service, arguments):
        return {**service.call(arguments), "service": service}


class TestResolverThatMixesThreadsUp(_Calling):
    noticed_by = "test_it_is_used_by_several_threads_at_once"
    turn = threading.Barrier(8)

    def call(self, service, arguments):
        self.arguments = arguments
        self.turn.wait(10.0)
        return service.call(self.arguments)


class TestResolverThatCallsAllAsynchronous(Suite):
    noticed_by = "test_what_is_called_asynchronous_returns_an_awaitable"

    def changed(self, service, definition):
        return Service(call=service.call, is_async=True)


class TestResolverThatDoesNotSayAsync(Suite):
    """It may: what is called on a thread may return an awaitable all the same."""

    def changed(self, service, definition):
        return Service(call=service.call)
