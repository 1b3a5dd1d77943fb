"""What Magento calls things: stores, and how it writes a time."""

from __future__ import annotations

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.limits import LARGEST_COUNT


def tenant_of(store_id: int) -> str | None:
    """Return the tenant that a store is: none for 0."""
    return None if store_id == 0 else str(store_id)


def store_id_of(tenant: str | None) -> int | None:
    """Return a tenant's integer form: 0 for none, None for one that is not a number."""
    if tenant is None:
        return 0
    number = int(tenant) if tenant.isascii() and tenant.isdigit() and len(tenant) < 11 else -1
    return number if 0 < number <= LARGEST_COUNT and str(number) == tenant else None


def magento_time(instant: int) -> str:
    """Return microseconds since the epoch as Magento writes a time: UTC, to the second."""
    return to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S")
