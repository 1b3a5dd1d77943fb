"""A ledger and a runtime of its own for each test; most tests of a module share a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.web.serving import Api, Stage, serving, staging


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """A function that serves with settings, by a server of its own."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Api:
            return stack.enter_context(serving(tmp_path, **settings))

        yield make


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staging(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def api(stage: Stage, tmp_path: Path) -> Iterator[Api]:
    with stage.play(tmp_path) as made:
        yield made
