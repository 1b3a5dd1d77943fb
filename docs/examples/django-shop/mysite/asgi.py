"""The project for servers that speak ASGI, with the REST API and the pages of asyncevents."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()

from asyncevents_django.asgi import mounted  # noqa: E402 - Django has to be set up

application = mounted(django_application, path="/events")
