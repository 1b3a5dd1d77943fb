"""`python -m tests.site`: builds the documentation site in build/site, and looks it through.

With `--serve` it also serves it, and builds it anew when a page changes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.site.checking import broken_links, foreign, orphans, pages_of
from tests.site.gathering import GATHERED, ROOT, copy_markdown, gather

CONFIG: Final = ROOT / "zensical.toml"
SITE: Final = ROOT / "build" / "site"
_LOOK_EVERY: Final = 1.0
_LONGEST: Final = 600.0
"""Seconds that the generator may take."""


def build() -> list[str]:
    """Build the site, and return what is wrong with it.

    Raises `CalledProcessError` if the generator finds something wrong itself.
    """
    gather()
    subprocess.run(
        [_generator(), "build", "--strict", "--clean", "--config-file", str(CONFIG)],
        cwd=ROOT,
        check=True,
        timeout=_LONGEST,
    )
    copy_markdown(GATHERED, SITE)
    pages = pages_of(SITE)
    return [*orphans(ROOT, CONFIG), *broken_links(SITE, pages), *foreign(SITE, pages)]


def _generator() -> str:
    return str(Path(sys.executable).with_name("zensical"))


def _serve(address: str) -> None:
    """Serve the site until Ctrl-C; gather pages again when one has changed."""
    gather()
    command = [_generator(), "serve", "--config-file", str(CONFIG), "--dev-addr", address]
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        while server.poll() is None:
            time.sleep(_LOOK_EVERY)
            gather()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait(timeout=10)


def main() -> None:
    """Build or serve; exit with 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.site")
    parser.add_argument("--serve", action="store_true", help="serve it while pages change")
    parser.add_argument("--address", default="127.0.0.1:8001", help="where to serve it")
    wanted = parser.parse_args()
    if wanted.serve:
        _serve(wanted.address)
        return
    try:
        wrong = build()
    except subprocess.CalledProcessError:
        sys.exit("zensical has found something wrong: see above")
    for one in wrong:
        print(one, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} mistakes in the site")
    print(f"{SITE.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
