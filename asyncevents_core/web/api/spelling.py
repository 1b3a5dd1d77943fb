"""Names as Magento's clients spell them: in snake_case or in camelCase."""

from __future__ import annotations

import re
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def snake(name: str) -> str:
    """Return a name in snake_case.

    >>> snake("filterGroups"), snake("event_name")
    ('filter_groups', 'event_name')
    """
    return _HUMP.sub("_", name).lower()
