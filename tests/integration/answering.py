"""Whether a server of a test is there."""

from __future__ import annotations

import httpx

_LONGEST = 60.0
"""Seconds: on a busy machine the first answer takes long."""


def answers(url: str, status: int = 200) -> bool:
    """Tell whether somebody answers there, with this status."""
    try:
        return httpx.get(url, timeout=_LONGEST).status_code == status
    except httpx.HTTPError:
        return False
