"""The REST API and the pages inside a Starlette application: ``uvicorn starlette_app:app``."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from asyncevents_core import AsyncEvents
from asyncevents_core.web import create_app

events = AsyncEvents()


async def place_order(request: Request) -> JSONResponse:
    """Place an order and say so."""
    made = await events.apublish("order.created", {"id": request.path_params["number"]})
    return JSONResponse({"event": str(made)})


app = Starlette(
    routes=[
        Route("/orders/{number:int}", place_order, methods=["POST"]),
        Mount("/events", create_app(events.runtime)),
    ]
)
