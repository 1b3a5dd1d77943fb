"""What operators change at run time: a value in the ledger instead of a setting."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Override:
    """A setting's value in the ledger. `name` is the setting's, in capitals."""

    name: str
    value: int | bool
    changed_by: str
    changed_at: int = 0
