"""Who vouches for people, and what their groups may do: as the settings say, checked at start."""

from __future__ import annotations

from asyncevents_core.adapters.openid import OpenIdProvider
from asyncevents_core.engine.managing.rights import check_rights
from asyncevents_core.errors import InvalidValue, SettingsError
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.configs import openid_options


def provider_of(runtime: Runtime) -> OpenIdProvider | None:
    """Return the OpenID provider by which people sign in; None: by none.

    Raises `SettingsError` where WEB_OPENID or WEB_GROUPS are wrong.
    """
    _check_groups(runtime)
    options = openid_options(runtime.settings)
    return None if options is None else OpenIdProvider(options)


def _check_groups(runtime: Runtime) -> None:
    """Raise `SettingsError` for resources that do not exist: event definitions have their own."""
    settings = runtime.settings
    problems = []
    for name, one in settings.web_groups.items():
        try:
            check_rights(
                one.resources, one.tenant, known=runtime.catalog.resources, what=f"group {name!r}"
            )
        except InvalidValue as error:
            problems.append(f"WEB_GROUPS[{name!r}].{error.field}: {error}")
    if problems:
        raise SettingsError(problems, origin=settings.origins["WEB_GROUPS"])
