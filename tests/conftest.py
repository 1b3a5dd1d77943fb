"""Real servers, started once per session where a test asks for one."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.services.needs import ELASTICSEARCH, Service

if TYPE_CHECKING:
    from tests.services.elasticsearch import Elasticsearch

T = TypeVar("T")

# The suites there are no test modules: without this, their failures would not show any values.
pytest.register_assert_rewrite("tests.conformance")


def pytest_configure() -> None:
    # A shell ignores them for what it starts in the background, as `nohup` does, and children
    # would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Thousands of tests stay until the end: without this, the collector looks at all of them again
    # and again, while they are found and while they run.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        # Tests import as much again, and their garbage is young.
        gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def _servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def start_server(_servers: ExitStack) -> Callable[[str], object]:
    """Return the running broker or database of a class in `tests.services`, by the class's name."""
    running: dict[str, object] = {}

    def start(name: str) -> object:
        from tests.services import brokers, databases

        if name not in running:
            kind = getattr(databases, name, None) or getattr(brokers, name)
            skip_unless_present(kind.needs)
            server = kind()
            _servers.callback(server.remove)
            server.start()
            running[name] = server
        return running[name]

    return start


@pytest.fixture(scope="session")
def elasticsearch(_servers: ExitStack) -> Elasticsearch:
    """Return a running node."""
    skip_unless_present(ELASTICSEARCH)
    from tests.services.elasticsearch import what_is_here

    node = what_is_here()()
    _servers.callback(node.remove)
    node.start()
    return node


def skip_unless_present(service: Service) -> None:
    if not service.present:
        pytest.skip(service.advice)
