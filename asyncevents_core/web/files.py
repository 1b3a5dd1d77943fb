"""Files that browsers load: how they are served, and how links change when they do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from asyncevents_core.web.access import PUBLIC, RESOURCE

PAGES: Final = "asyncevents_core.web.pages"
"""The package whose folder `static` has what the pages load."""
API: Final = "asyncevents_core.web"
"""… what the description of the REST API loads."""
_YEAR: Final = 31_536_000


def static_files(path: str, *packages: str) -> Router:
    """Return what serves the files of these packages at a path, to everybody."""
    return create_static_files_router(
        path=path,
        directories=[_folder(one) for one in packages],
        opt={RESOURCE: PUBLIC},
        include_in_schema=False,
        # Links have the `version_of` the files, so browsers never need to ask again.
        cache_control=CacheControlHeader(public=True, max_age=_YEAR, immutable=True),
    )


@cache
def version_of(*packages: str) -> str:
    """Return what changes with the files of these packages, so that browsers keep no old ones."""
    together = hashlib.sha256()
    for one in _all_files(packages):
        together.update(one.read_bytes())
    return together.hexdigest()[:12]


def _all_files(packages: Sequence[str]) -> Sequence[Path]:
    found = [each for one in packages for each in _folder(one).rglob("*") if each.is_file()]
    return sorted(found)


def _folder(package: str) -> Path:
    return Path(str(files(package).joinpath("static")))
