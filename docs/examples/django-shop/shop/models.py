"""Orders."""

from django.db import models

from asyncevents_django import publishes


@publishes("shop.order.created")
class Order(models.Model):
    """What somebody has bought."""

    number = models.CharField(max_length=20, unique=True)
    total = models.DecimalField(max_digits=8, decimal_places=2)
    cancelled = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.number
