"""A real OpenID provider for the tests: `oidc-provider` on Node.js, installed once by npm."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.services.needs import OPENID, find_program
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
        folder = installed()
        return [find_program("node") or "node", str(folder / "provider.js"), str(self.port)]

    def answers(self) -> None:
        with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=5):
            pass


def installed() -> Path:
    """Return the folder with the program and what it needs, kept in the user's cache."""
    sources = [SOURCE / name for name in ("package.json", "provider.js")]
    digest = hashlib.sha256(b"\0".join(one.read_bytes() for one in sources)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    made = cache / "asyncevents-tests" / f"openid-{digest}"
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        folder = Path(temporary) / "openid"
        shutil.copytree(SOURCE, folder)
        npm = find_program("npm") or "npm"
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"npm cannot install it: {done.stdout}{done.stderr}"
        try:
            folder.rename(made)
        except OSError:  # another process was faster
            assert made.exists()
    return made
