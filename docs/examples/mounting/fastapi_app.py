"""The REST API and the pages inside a FastAPI application: ``uvicorn fastapi_app:app``."""

from fastapi import FastAPI

from asyncevents_core import AsyncEvents
from asyncevents_core.web import create_app

events = AsyncEvents()
app = FastAPI()
app.mount("/events", create_app(events.runtime))


@app.post("/orders/{number}")
def place_order(number: int) -> dict[str, str]:
    """Place an order and say so."""
    return {"event": str(events.publish("order.created", {"id": number}))}
