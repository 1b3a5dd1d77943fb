"""Which texts can be tenants."""

from __future__ import annotations

from asyncevents_core.domain.limits import LONGEST_NAME, text_mistake
from asyncevents_core.showing import shown


def tenant_mistake(tenant: object) -> str | None:
    """Return what is wrong with a tenant, as `asyncevents_core.domain.limits` does.

    MariaDB and MySQL take ``"acme "`` for ``"acme"`` where they compare, so that one would see
    what is the other's: no tenant begins or ends with a space.
    https://mariadb.com/kb/en/supported-character-sets-and-collations/#no-pad-collations
    """
    if tenant is None:
        return None
    if mistake := text_mistake(tenant, LONGEST_NAME):
        return mistake
    if tenant != str(tenant).strip():
        return f"must not begin or end with a space, as {shown(tenant)} does"
    return None
