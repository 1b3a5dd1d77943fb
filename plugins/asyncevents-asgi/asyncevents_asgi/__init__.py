"""asyncevents at home in applications that speak ASGI.

The names below work in each of them. `asyncevents_asgi.fastapi`, `.starlette` and `.litestar` have
what belongs to one framework, and these names, too.
"""

from asyncevents_asgi.life import lifespan as lifespan
from asyncevents_asgi.mounting import Pages as Pages
from asyncevents_asgi.publishing import AsyncPublish as AsyncPublish
from asyncevents_asgi.publishing import Publish as Publish
from asyncevents_asgi.publishing import PublishedAfterCommit as PublishedAfterCommit
