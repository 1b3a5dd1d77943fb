"""The application, as INSTALLED_APPS name it."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.core.signals import setting_changed
from django.db import connections
from django.db.models.signals import post_migrate

from asyncevents_django.bridge import Bridge


class AsyncEventsConfig(AppConfig):
    """Has the bridge to Django's settings, from `ready` on."""

    name = "asyncevents_django"
    verbose_name = "Events"
    default_auto_field = "django.db.models.BigAutoField"
    bridge: Bridge | None = None

    def ready(self) -> None:
        """Make the bridge, and listen to what changes settings and databases."""
        from asyncevents_django.checks import CHECKS
        from asyncevents_django.tables import upgrade_after_migrate

        databases = connections.databases.items()
        self.bridge = Bridge({alias: one.get("NAME") for alias, one in databases})
        for check in CHECKS:
            checks.register(check, "asyncevents")
        post_migrate.connect(upgrade_after_migrate, sender=self)
        setting_changed.connect(self._changed)
        for alias in connections:
            self._close_before_removing(alias)

    def _changed(self, setting: str, **_: object) -> None:
        if setting in {"ASYNCEVENTS", "DATABASES"} and self.bridge is not None:
            self.bridge.close()

    def _close_before_removing(self, alias: str) -> None:
        """Let go of a test database before Django removes it: PostgreSQL refuses otherwise."""
        creation = connections[alias].creation
        destroy = creation.destroy_test_db

        def close_and_destroy(*arguments: object, **named: object) -> object:
            if self.bridge is not None:
                self.bridge.close()
            return destroy(*arguments, **named)

        creation.destroy_test_db = close_and_destroy
