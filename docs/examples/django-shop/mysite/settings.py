"""Settings of a project for development: the last lines are those of asyncevents."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parents[1]
DATA_DIR = Path(os.environ.get("SHOP_DATA_DIR", BASE_DIR))

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "for this example only: make one of your own")
DEBUG = True
ROOT_URLCONF = "mysite.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "asyncevents_django",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "shop.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

ASYNCEVENTS = {
    "LEDGER": "default",
    "SOURCE": "/shop",
    "BROKER_URL": f"sqla+sqlite:///{DATA_DIR}/broker.sqlite3",
    "EVENTS": {
        "shop.order.created": {"service": "shop.services:order"},
        "shop.order.cancelled": {"service": "shop.services:order"},
    },
    # Recipients on this machine, for development.
    "SINKS": {"http": {"allow": ["127.0.0.1"]}},
}
