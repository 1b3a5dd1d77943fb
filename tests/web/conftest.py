"""A server of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.web.serving import Api, serving


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    with ExitStack() as stack:

        def make(**settings: Any) -> Api:
            return stack.enter_context(serving(tmp_path, **settings))

        yield make


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    return serve()
