"""Events, deliveries and dead letters in Django's admin: to read, and to replay."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from asyncevents_core import Actor
from asyncevents_core.errors import AsyncEventsError, SettingsError
from asyncevents_django.bridge import LABEL, bridge, events
from asyncevents_django.models import Attempt, DeadLetter, Delivery, Event, to_datetime

_COUNTED: Final = 10_000
"""Rows that a list counts at most: to count millions takes the database seconds."""
_REPLAYED: Final = 1_000
"""Rows that one action replays at most; `manage.py asyncevents replay` has no limit."""
_SHOWN: Final = 100_000
"""Characters of a payload."""
_RESOURCES: Final = {
    f"{LABEL}.view_event": ("logs.list", "logs.trace"),
    f"{LABEL}.view_delivery": ("logs.list", "logs.trace"),
    f"{LABEL}.view_deadletter": ("logs.list", "logs.trace"),
    f"{LABEL}.replay_delivery": ("logs.replay",),
}
"""Permissions of Django, and the resources of asyncevents that they are."""


def actor_of(user: Any) -> Actor:
    """Return somebody who is signed in to Django as asyncevents knows people, and audits them.

    Superusers may do everything; others have the resources of their permissions.
    """
    who = f"django:{user.get_username()}"
    if user.is_superuser:
        return Actor.trusted(who)
    held = [held for name, held in _RESOURCES.items() if user.has_perm(name)]
    return Actor(who=who, resources=frozenset().union(*held))


class _CountingSome(Paginator):
    """Counts so many rows at most."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, or how many are listed."""
        counted: int = self.object_list.order_by()[:_COUNTED].count()
        return counted


class _ReadOnly:
    """Nobody writes rows of the ledger but asyncevents."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


class _LedgerAdmin(_ReadOnly, admin.ModelAdmin):
    """Lists of the ledger, newest first. Found are ids and names, as a whole: both are quick."""

    ordering = ("-id",)
    paginator = _CountingSome
    show_full_result_count = False
    list_per_page = 50
    search_help_text = "The id of an event or a delivery, or the name of an event"
    name_field = "name"
    id_fields: tuple[str, ...] = ("id",)
    search_fields = ("name",)
    sortable_by = ("created",)
    actions = ("replay",)
    large_fields: tuple[str, ...] = ("body", "arguments", "traceback")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the database that the ledger is in, and what is large only where it is shown."""
        found: QuerySet[Any] = super().get_queryset(request).using(bridge().alias)
        return found.defer(*self.large_fields)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show nothing where Django cannot read the ledger."""
        return _is_readable() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show nothing where Django cannot read the ledger."""
        return _is_readable() and super().has_view_permission(request, obj)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whoever has `replay_delivery`."""
        return bool(request.user.has_perm(f"{LABEL}.replay_delivery"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find an id, or a name."""
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        try:
            identifier = UUID(wanted)
        except ValueError:
            return queryset.filter(**{self.name_field: wanted}), False
        found = queryset.none()
        for name in self.id_fields:
            found |= queryset.filter(**{name: identifier})
        return found, False

    @admin.action(description="Replay: send it again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send what is selected again, each by itself, and say what became of it."""
        actor, done, refused = actor_of(request.user), 0, {}
        for identifier in queryset.values_list("pk", flat=True)[:_REPLAYED]:
            try:
                events().replay(identifier, by=actor)
                done += 1
            except AsyncEventsError as error:
                refused[identifier] = str(error)
        if done:
            self.message_user(request, f"{done} replayed", messages.SUCCESS)
        for identifier, why in list(refused.items())[:5]:
            self.message_user(request, f"{identifier}: {why}", messages.ERROR)
        if len(refused) > 5:
            self.message_user(request, f"{len(refused) - 5} more are refused", messages.ERROR)

    @admin.display(description="created", ordering="id")
    def created(self, one: Any) -> Any:
        """Return when it was made."""
        return to_datetime(one.created_at)


@admin.register(Event)
class EventAdmin(_LedgerAdmin):
    """What was published. One whose service failed can be replayed: it is tried anew."""

    list_display = ("created", "name", "tenant", "state", "id")
    list_display_links = ("created", "name")
    list_filter = ("state",)
    fields = (
        "id", "name", "external_id", "tenant", "created", "state", "error", "traceback",
        "data", "deliveries",
    )  # fmt: skip
    readonly_fields = ("created", "data", "deliveries")

    @admin.display(description="data")
    def data(self, one: Event) -> str:
        """Return what was published, or what became of it."""
        return _as_text(one.body if one.body is not None else one.arguments)

    @admin.display(description="deliveries")
    def deliveries(self, one: Event) -> str:
        """Return what became of it."""
        found = one.delivery_set.using(bridge().alias).order_by("id")[:100]
        return "\n".join(f"{each.pk}  {each.state}" for each in found) or "none"


class _Attempts(_ReadOnly, admin.TabularInline):
    """The attempts of a delivery, oldest first."""

    model = Attempt
    ordering = ("claim_no",)
    fields = ("claim_no", "started", "duration", "outcome", "status", "detail", "response")
    readonly_fields = ("started",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the database that the ledger is in."""
        found: QuerySet[Any] = super().get_queryset(request).using(bridge().alias)
        return found

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the delivery."""
        return True

    @admin.display(description="started")
    def started(self, one: Attempt) -> Any:
        """Return when it began."""
        return to_datetime(one.started_at)


@admin.register(Delivery)
class DeliveryAdmin(_LedgerAdmin):
    """What is on its way, or has arrived, with all attempts."""

    name_field = "event__name"
    id_fields = ("id", "event_id")
    large_fields = ("event__body", "event__arguments", "event__traceback")
    list_display = ("created", "event_name", "state", "reason", "claims", "subscription", "id")
    list_display_links = ("created", "event_name")
    list_filter: tuple[str, ...] = ("state", "reason")
    list_select_related = ("event", "subscription")
    inlines = (_Attempts,)
    fields = (
        "id", "event", "subscription", "created", "state", "reason", "claims", "deaths", "due",
        "replay_of", "payload",
    )  # fmt: skip
    readonly_fields = ("created", "due", "payload")

    @admin.display(description="event")
    def event_name(self, one: Delivery) -> str:
        """Return the name of its event."""
        return str(one.event.name)

    @admin.display(description="due")
    def due(self, one: Delivery) -> Any:
        """Return when it is tried again, or when its lease ends."""
        return to_datetime(one.due_at)

    @admin.display(description="payload")
    def payload(self, one: Delivery) -> str:
        """Return what is sent."""
        return _as_text(one.event.body)


@admin.register(DeadLetter)
class DeadLetterAdmin(DeliveryAdmin):
    """What was given up."""

    list_filter = ("reason",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what is not dead."""
        return super().get_queryset(request).filter(state=Delivery.State.dead)


def _is_readable() -> bool:
    """Tell whether Django can read the ledger's tables: in a database of its own, by their names.

    What is wrong with the settings is said by the system checks.
    """
    try:
        bridged = bridge()
        return bridged.alias is not None and not bridged.values().get("LEDGER_SCHEMA")
    except SettingsError:
        return False


def _as_text(body: Any) -> str:
    if body is None:
        return "not kept"
    text = bytes(body).decode(errors="replace")
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
