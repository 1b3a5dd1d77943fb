"""The REST API and the pages beside a Django application: ``uvicorn django_app:app``.

A project of its own would have the settings and the views elsewhere, and this in its asgi.py.
"""

from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from asyncevents_core import AsyncEvents
from asyncevents_core.web import create_app

PREFIX = "/events"
events = AsyncEvents()
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for this example only")


@csrf_exempt
def place_order(request: HttpRequest, number: int) -> JsonResponse:
    """Place an order and say so."""
    return JsonResponse({"event": str(events.publish("order.created", {"id": number}))})


urlpatterns = [path("orders/<int:number>", place_order)]
django_application = get_asgi_application()
api = create_app(events.runtime)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Give the API what begins with its prefix, and Django the rest."""
    if scope["type"] == "lifespan":
        await api(scope, receive, send)
    elif scope["path"].startswith(f"{PREFIX}/"):
        await api({**scope, "root_path": scope.get("root_path", "") + PREFIX}, receive, send)
    else:
        await django_application(scope, receive, send)
