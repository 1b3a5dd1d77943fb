"""asyncevents at home in Django: ``INSTALLED_APPS += ["asyncevents_django"]``.

The names below are what a project imports, in views and models alike. `asyncevents_django.testing`
has what its tests use, `asyncevents_django.asgi` what its asgi.py does.
"""

from asyncevents_django.bridge import events as events
from asyncevents_django.on_models import publishes as publishes
from asyncevents_django.publishing import (
    PublishedAfterCommit as PublishedAfterCommit,
)
from asyncevents_django.publishing import (
    PublishedOutsideTransaction as PublishedOutsideTransaction,
)
from asyncevents_django.publishing import (
    apublish as apublish,
)
from asyncevents_django.publishing import (
    apublish_many as apublish_many,
)
from asyncevents_django.publishing import (
    publish as publish,
)
from asyncevents_django.publishing import (
    publish_many as publish_many,
)
