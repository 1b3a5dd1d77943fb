"""Magento's store codes in paths: ``/rest/default/V1/…`` and ``/rest/all/V1/…``."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Litestar
from litestar.types import Receive, Scope, Send
from litestar.types.asgi_types import LifeSpanReceive, LifeSpanScope, LifeSpanSend

# A code is what Magento lets a store have. `async` stands for something else there: requests that
# are answered before they are done.
_PATH: Final = re.compile(r"/rest/(?!V1/|async/)[A-Za-z][A-Za-z0-9_]{0,31}(/V1/.+)", re.DOTALL)


class StoreCodes(Litestar):
    """Answers a path with a store's code as the same path without it.

    In the original, too, the code changes nothing on these routes: the store of a subscription is
    its `store_id`. Which stores there are, only Magento knows; so any code is taken.
    """

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Answer a request."""
        await super().__call__(_without_code(scope), receive, send)


def _without_code(scope: Any) -> Any:
    """Return the scope of a request whose path has no store's code; a copy, if that changes it."""
    path: str = scope.get("path", "")
    mounted_at: str = scope.get("root_path", "").rstrip("/")
    # Servers and frameworks differ in whether the path begins with where it is mounted.
    before = mounted_at if path.startswith(f"{mounted_at}/") else ""
    found = _PATH.fullmatch(path, len(before))
    return scope if found is None else {**scope, "path": f"{before}/rest{found[1]}"}
