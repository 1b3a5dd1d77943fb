"""The ledger's tables, by the framework's own migrations, and the models that read some of them."""

from django.db import migrations, models

from asyncevents_django.models import IdentifierField
from asyncevents_django.tables import UpgradeLedger

DELIVERY_STATES = ["waiting", "leased", "held", "delivered", "dead", "cancelled"]
EVENT_STATES = ["open", "resolving", "fanned_out", "failed"]
REASONS = ["exhausted", "permanent", "poison"]


def _choices(values: list[str]) -> list[tuple[str, str]]:
    return [(one, one.replace("_", " ").title()) for one in values]


class Migration(migrations.Migration):
    """Not in a transaction: the framework takes a connection of its own."""

    initial = True
    atomic = False
    dependencies: list[tuple[str, str]] = []
    operations = [
        UpgradeLedger(),
        # Not managed: these make permissions, and no tables.
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("claim_no", models.IntegerField(verbose_name="attempt")),
                ("outcome", models.CharField(max_length=16)),
                ("detail", models.TextField()),
                ("status", models.IntegerField(null=True, verbose_name="HTTP status")),
                ("response", models.TextField()),
                ("target", models.CharField(max_length=2048)),
                ("started_at", models.BigIntegerField()),
                ("duration", models.FloatField(verbose_name="seconds")),
            ],
            options={
                "db_table": "asyncevents_attempt",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", IdentifierField(primary_key=True, serialize=False)),
                ("replay_of", IdentifierField(null=True)),
                ("state", models.CharField(choices=_choices(DELIVERY_STATES), max_length=16)),
                (
                    "reason",
                    models.CharField(
                        choices=_choices(REASONS),
                        max_length=16,
                        null=True,
                        verbose_name="why it is dead",
                    ),
                ),
                ("claims", models.IntegerField(verbose_name="attempts")),
                ("deaths", models.IntegerField(verbose_name="failed attempts")),
                ("due_at", models.BigIntegerField(null=True)),
                ("created_at", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "db_table": "asyncevents_delivery",
                "permissions": (("replay_delivery", "Can replay deliveries and failed events"),),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", IdentifierField(primary_key=True, serialize=False)),
                (
                    "external_id",
                    models.CharField(max_length=255, null=True, verbose_name="own id"),
                ),
                ("name", models.CharField(max_length=255, verbose_name="event")),
                ("tenant", models.CharField(max_length=255, null=True)),
                ("arguments", models.BinaryField(null=True)),
                ("body", models.BinaryField(null=True)),
                ("state", models.CharField(choices=_choices(EVENT_STATES), max_length=16)),
                ("error", models.TextField(db_column="reason", null=True)),
                ("traceback", models.TextField(null=True)),
                ("deaths", models.IntegerField(verbose_name="failures of its service")),
                ("occurred_at", models.BigIntegerField()),
                ("created_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "asyncevents_event",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_name", models.CharField(max_length=2000)),
                ("sink", models.CharField(max_length=64)),
                ("target", models.CharField(max_length=2048)),
                ("status", models.CharField(max_length=16)),
            ],
            options={
                "db_table": "asyncevents_subscription",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[],
            options={
                "verbose_name": "dead letter",
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("asyncevents_django.delivery",),
        ),
    ]
