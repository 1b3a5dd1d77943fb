"""Which statuses of an answer are retried and which are final, where a subscription says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

_STATUS: Final = re.compile(r"[345][0-9][0-9]")
_CLASS: Final = re.compile(r"[345]xx", re.IGNORECASE)


@frozen
class StatusRules:
    """What the options `retry_on` and `give_up_on` say: statuses ("409") and classes ("5xx").

    A status of its own goes before its class. Raises ValueError for what is neither, and for what
    stands in both.
    """

    retry_on: tuple[str, ...]
    give_up_on: tuple[str, ...]
    _retried: dict[str, bool] = field(init=False, repr=False, eq=False)

    @_retried.default
    def _read(self) -> dict[str, bool]:
        retried = dict.fromkeys(read_statuses(self.retry_on), True)
        for one in read_statuses(self.give_up_on):
            if one in retried:
                raise ValueError(f"{one} stands both in retry_on and in give_up_on")
            retried[one] = False
        return retried

    def retries(self, status: int) -> bool | None:
        """Tell whether a status is retried; None where nothing is said of it."""
        said = self._retried.get(str(status))
        return self._retried.get(f"{status // 100}xx") if said is None else said


def read_statuses(written: Iterable[str]) -> tuple[str, ...]:
    """Return statuses and classes in lower case. Raises ValueError for what is neither."""
    found = []
    for one in written:
        text = one.strip()
        if not (_STATUS.fullmatch(text) or _CLASS.fullmatch(text)):
            raise ValueError(
                f"{text[:20]!r} is no status: write 300 to 599, or 3xx, 4xx, 5xx. 2xx is always "
                "delivered"
            )
        found.append(text.lower())
    return tuple(found)
