"""A real OpenID provider for the tests: `oidc-provider` on Node.js, installed once by npm."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.services.needs import OPENID, find_program
from tests.services.npm import installed
from tests.services.server import Server

SOURCE = Path(__file__).parent / "openid"


class OpenId(Server):
    """Everybody may sign in, with any password; its clients are in `openid/provider.js`."""

    needs = OPENID

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        folder = installed(SOURCE)
        return [find_program("node") or "node", str(folder / "provider.js"), str(self.port)]

    def answers(self) -> None:
        with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=5):
            pass
