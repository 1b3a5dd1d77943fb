"""Which texts can be tenants."""

from __future__ import annotations

from typing import Final

LONGEST_TENANT: Final = 255


def tenant_mistake(tenant: str | None) -> str | None:
    """Return what is wrong with a tenant; None if nothing is.

    MariaDB and MySQL take ``"acme "`` for ``"acme"`` where they compare, so that one would see
    what is the other's: no tenant begins or ends with a space.
    https://mariadb.com/kb/en/supported-character-sets-and-collations/#no-pad-collations
    """
    if tenant is None:
        return None
    if not 0 < len(tenant) <= LONGEST_TENANT or not tenant.isprintable():
        return f"a tenant has 1 to {LONGEST_TENANT} characters that can be printed"
    if tenant != tenant.strip():
        return "a tenant does not begin or end with a space"
    return None
