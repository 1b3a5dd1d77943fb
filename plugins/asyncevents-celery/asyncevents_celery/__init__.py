"""asyncevents-celery: the sink that calls tasks of Celery applications."""
