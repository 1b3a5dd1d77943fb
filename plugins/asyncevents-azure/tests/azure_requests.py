"""Requests for the two sinks, prepared as the engine prepares them."""

from __future__ import annotations

from asyncevents_azure.kinds import (
    EventGridConfig,
    EventGridSinkType,
    ServiceBusConfig,
    ServiceBusSinkType,
)
from asyncevents_core import testing
from azure_bus import KEY as BUS_KEY
from azure_bus import ServiceBus
from azure_grid import KEY as GRID_KEY
from azure_grid import Grid


def grid_config(grid: Grid, **more) -> EventGridConfig:
    """Return what the sink needs to reach the fake, however busy the machine is."""
    wanted = {"access_key": GRID_KEY, "endpoint": grid.url, "authority": grid.url, "timeout": 60.0}
    return EventGridConfig(**{**wanted, **more})


def bus_config(bus: ServiceBus, **more) -> ServiceBusConfig:
    """Return what the sink needs to reach the fake, however busy the machine is."""
    return ServiceBusConfig(
        **{"access_key": BUS_KEY, "emulator": bus.host, "timeout": 60.0, **more}
    )


def queue_target(name: str) -> str:
    return f"sb://shop.servicebus.windows.net/{name}"


def grid_request(config: EventGridConfig, **wanted):
    return testing.make_request(sink_type=EventGridSinkType(), config=config, **wanted)


def bus_request(config: ServiceBusConfig, **wanted):
    return testing.make_request(sink_type=ServiceBusSinkType(), config=config, **wanted)
