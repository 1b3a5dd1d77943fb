"""Placing and cancelling orders."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from asyncevents_django import publish
from shop.models import Order


@csrf_exempt
@require_POST
def orders(request: HttpRequest) -> HttpResponse:
    """Place an order; its model publishes that it was created."""
    made = Order.objects.create(number=request.POST["number"], total=request.POST["total"])
    return JsonResponse({"id": made.pk}, status=201)


@csrf_exempt
@require_POST
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Cancel an order, once, and publish that."""
    with transaction.atomic():
        found = get_object_or_404(Order.objects.select_for_update(), number=number)
        if not found.cancelled:
            found.cancelled = True
            found.save()
            publish("shop.order.cancelled", {"id": found.pk})
    return HttpResponse(status=204)
