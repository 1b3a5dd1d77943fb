"""A place in a query text that is probably meant otherwise than it is read."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Doubt:
    """`position` counts characters of the text from 0; `found` is what stands there.

    `widens`: read as it is, it finds more than what is probably meant, so that nothing may be
    sent again for its sake.
    """

    position: int
    found: str
    hint: str
    widens: bool = False

    def __str__(self) -> str:
        return f"“{self.found}” (position {self.position + 1}): {self.hint}"
