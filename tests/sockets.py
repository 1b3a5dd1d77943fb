"""The sockets that this process has open."""

from __future__ import annotations

import os
from collections.abc import Collection


def sockets(*, without: Collection[int] = ()) -> set[str]:
    """Return what names each of them, without those of some descriptors."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) not in without:
                found.add(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # that of the listing itself
    return {one for one in found if one.startswith("socket:")}
