"""Documents of `documents.py` that many queries find."""

from __future__ import annotations

from typing import Final

ALL: Final = set(range(1, 27))
FAILED: Final = {2, 4, 6, 9, 15, 19}
KETTLES: Final = {5, 6, 7, 8}
FOXES: Final = {17, 18}
CREATED: Final = {1, 2, 3, 5, 6, 7, 8}
OTHER_URLS: Final = {4, 10, 11, 12}
