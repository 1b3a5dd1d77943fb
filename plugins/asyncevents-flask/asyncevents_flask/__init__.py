"""asyncevents at home in Flask: ``events = FlaskEvents()``, ``events.init_app(app)``.

The names below are what an application imports. `asyncevents_flask.wsgi` serves the REST API and
the pages under a path of it.
"""

from asyncevents_flask.extension import FlaskEvents as FlaskEvents
from asyncevents_flask.unfinished import PublishedWithoutCommit as PublishedWithoutCommit
