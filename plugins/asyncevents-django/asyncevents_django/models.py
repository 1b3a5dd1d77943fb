"""Rows of the ledger for the admin: Django reads them, and only asyncevents writes them.

A test compares the columns with those of the framework's own schema.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


class IdentifierField(models.Field):
    """A UUID as the ledger has it: native on PostgreSQL, 16 bytes elsewhere."""

    def get_internal_type(self) -> str:
        """Return a type for which no database converts values."""
        return "BinaryField"

    def to_python(self, value: Any) -> uuid.UUID | None:
        """Return the UUID of a text. Raises ValidationError."""
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            return uuid.UUID(str(value))
        except ValueError as error:
            raise ValidationError(f"{value!r} is no UUID") from error

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> uuid.UUID | None:
        """Return the UUID of a column."""
        if value is None or isinstance(value, uuid.UUID):
            return value
        return uuid.UUID(bytes=bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return what a column is compared with."""
        known = self.to_python(value)
        return known if known is None or connection.vendor == "postgresql" else known.bytes


def to_datetime(microseconds: int | None) -> datetime | None:
    """Return a time of the ledger."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)


class Event(models.Model):
    """What was published."""

    State = models.TextChoices("State", "open resolving fanned_out failed")

    id = IdentifierField(primary_key=True)
    external_id = models.CharField("own id", max_length=255, null=True)
    name = models.CharField("event", max_length=255)
    tenant = models.CharField(max_length=255, null=True)
    arguments = models.BinaryField(null=True)
    body = models.BinaryField(null=True)
    state = models.CharField(max_length=16, choices=State.choices)
    error = models.TextField(db_column="reason", null=True)
    traceback = models.TextField(null=True)
    deaths = models.IntegerField("failures of its service")
    occurred_at = models.BigIntegerField()
    created_at = models.BigIntegerField()

    class Meta:
        """Not Django's to make."""

        managed = False
        db_table = "asyncevents_event"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"


class Subscription(models.Model):
    """Who wants which event; without its secrets."""

    id = models.BigIntegerField(primary_key=True)
    event_name = models.CharField(max_length=2000)
    sink = models.CharField(max_length=64)
    target = models.CharField(max_length=2048)
    status = models.CharField(max_length=16)

    class Meta:
        """Not Django's to make."""

        managed = False
        db_table = "asyncevents_subscription"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.pk}: {self.sink} {self.target}"


class Delivery(models.Model):
    """One event on its way to one subscription."""

    State = models.TextChoices("State", "waiting leased held delivered dead cancelled")
    Reason = models.TextChoices("Reason", "exhausted permanent poison")

    id = IdentifierField(primary_key=True)
    event = models.ForeignKey(Event, models.DO_NOTHING, db_constraint=False)
    subscription = models.ForeignKey(Subscription, models.DO_NOTHING, db_constraint=False)
    replay_of = IdentifierField(null=True)
    state = models.CharField(max_length=16, choices=State.choices)
    reason = models.CharField("why it is dead", max_length=16, null=True, choices=Reason.choices)
    claims = models.IntegerField("attempts")
    deaths = models.IntegerField("failed attempts")
    due_at = models.BigIntegerField(null=True)
    created_at = models.BigIntegerField()

    class Meta:
        """Not Django's to make; whoever may replay, may replay events, too."""

        managed = False
        db_table = "asyncevents_delivery"
        verbose_name_plural = "deliveries"
        default_permissions = ("view",)
        permissions = (("replay_delivery", "Can replay deliveries and failed events"),)

    def __str__(self) -> str:
        return str(self.pk)


class DeadLetter(Delivery):
    """A delivery that was given up."""

    class Meta:
        """A part of the deliveries."""

        proxy = True
        verbose_name = "dead letter"
        default_permissions = ("view",)


class Attempt(models.Model):
    """One try to deliver."""

    id = models.BigIntegerField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, models.DO_NOTHING, db_constraint=False, related_name="attempts"
    )
    claim_no = models.IntegerField("attempt")
    outcome = models.CharField(max_length=16)
    detail = models.TextField()
    status = models.IntegerField("HTTP status", null=True)
    response = models.TextField()
    target = models.CharField(max_length=2048)
    started_at = models.BigIntegerField()
    duration = models.FloatField("seconds")

    class Meta:
        """Not Django's to make."""

        managed = False
        db_table = "asyncevents_attempt"
        default_permissions = ()

    def __str__(self) -> str:
        return f"attempt {self.claim_no}"
