"""The broker through kombu: RabbitMQ, Redis and SQL databases by their URL alone."""

from asyncevents_core.adapters.kombu.broker import KombuBroker

__all__ = ["KombuBroker"]
