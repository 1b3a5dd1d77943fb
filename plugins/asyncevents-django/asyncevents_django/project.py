"""The settings module of asyncevents in a project of Django: it reads ASYNCEVENTS there.

`manage.py asyncevents` uses it. Without manage.py::

    DJANGO_SETTINGS_MODULE=shop.settings asyncevents --settings asyncevents_django.project worker
"""

import django
from django.apps import apps

from asyncevents_django.bridge import BridgedSettings

if not apps.ready:
    django.setup()

ASYNCEVENTS = BridgedSettings()
