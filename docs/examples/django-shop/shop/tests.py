"""What the shop publishes, and what subscribers get."""

from django.db import transaction
from django.test import TestCase

from asyncevents_django.testing import PublishedEventsMixin
from shop.models import Order
from shop.services import order


class Orders(PublishedEventsMixin, TestCase):
    """Nothing is sent: `published_events` records it."""

    def place(self, number: str) -> None:
        self.client.post("/orders", {"number": number, "total": "19.99"})

    def test_placing_an_order(self) -> None:
        self.place("A-1")
        placed = Order.objects.get()
        self.published_events.assert_published(
            "shop.order.created", data={"id": placed.pk}, times=1
        )

    def test_cancelling_it_twice(self) -> None:
        self.place("A-1")
        for _ in range(2):
            self.client.post("/orders/A-1/cancel")
        self.published_events.assert_published("shop.order.cancelled", times=1)

    def test_a_transaction_that_fails(self) -> None:
        with self.assertRaises(KeyError), transaction.atomic():
            Order.objects.create(number="A-1", total="19.99")
            raise KeyError
        self.published_events.assert_nothing_published()

    def test_what_subscribers_get(self) -> None:
        self.place("A-1")
        found = order(Order.objects.get().pk)
        self.assertEqual(found["number"], "A-1")
        self.assertEqual(str(found["total"]), "19.99")
