"""Documents about all events: AsyncAPI, OpenAPI webhooks, JSON Schema; what reads them back."""

from asyncevents_core.domain.event_documents.asyncapi import asyncapi as asyncapi
from asyncevents_core.domain.event_documents.json_schema import json_schema as json_schema
from asyncevents_core.domain.event_documents.openapi import openapi as openapi
from asyncevents_core.domain.event_documents.parts import About as About
from asyncevents_core.domain.event_documents.reading import read_document as read_document
