"""Customers: an event whose service is marked where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from asyncevents_core import event


@dataclass
class Customer:
    """A customer, as subscribers see one."""

    email: str
    newsletter: bool


@event("customer.registered", title="A customer registered", resources=["customers"])
async def customer(email: str, newsletter: bool = False) -> Customer:
    """Return the customer; publish with ``customer.publish(events, "a@example.com")``."""
    return Customer(email=email, newsletter=newsletter)
