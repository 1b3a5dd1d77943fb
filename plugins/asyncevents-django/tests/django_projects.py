"""Projects of Django in folders of their own, worked on by their manage.py."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define

from tests.integration.folder import Folder

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
from pathlib import Path
{before}
HERE = Path(__file__).parent
SECRET_KEY = "of a test only, and long enough for the checks of Django to be content with it"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop_urls"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "asyncevents_django", "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {{"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]}},
}}]
DATABASES = {databases!r}
ASYNCEVENTS = {asyncevents!r}
{after}
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
MODELS = """
from django.db import models
from asyncevents_django import publishes

@publishes("order.created")
@publishes("order.deleted", on="deleted", data=lambda order: {"number": order.number})
class Order(models.Model):
    number = models.IntegerField(unique=True)

class Note(models.Model):
    text = models.CharField(max_length=100)
"""
PYMYSQL = """
import pymysql
pymysql.version_info = (2, 2, 7, "final", 0)
pymysql.install_as_MySQLdb()
"""
EVENTS: dict[str, Any] = {"order.created": {}, "order.deleted": {}, "note.written": {}}
NAMES = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def database_of(url: str) -> dict[str, Any]:
    """Return the entry of DATABASES that means a database."""
    parsed = sa.make_url(url)
    return {
        "ENGINE": f"django.db.backends.{NAMES[parsed.get_backend_name()]}",
        "NAME": parsed.database,
        "USER": parsed.username,
        "PASSWORD": parsed.password or "",
        "HOST": parsed.host,
        "PORT": parsed.port,
    }


def sqlite(folder: Path, name: str = "db.sqlite3") -> dict[str, Any]:
    """Return the entry of a file, in which writers wait for each other."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / name),
        "OPTIONS": {"timeout": 20},
    }


@define(slots=False, kw_only=True)
class DjangoProject(Folder):
    """A folder with manage.py, and the processes that were started in it.

    `path` is what comes before all else on the import path: another Django. `migrated` is such a
    folder whose tables are there: to copy them takes less time than to make them.
    """

    databases: dict[str, dict[str, Any]]
    asyncevents: dict[str, Any]
    before: str = ""
    after: str = ""
    migrated: Path | None = None

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.write("manage.py", MANAGE)
        self.write("shop_urls.py", URLS)
        self.write("shop/__init__.py", "")
        self.write("shop/migrations/__init__.py", "")
        self.write("shop/models.py", MODELS)
        self.write_settings()

    def write_settings(self) -> None:
        text = SETTINGS.format(
            databases=self.databases,
            asyncevents=self.asyncevents,
            before=self.before,
            after=self.after,
        )
        self.write("shop_settings.py", text)

    def migrate(self) -> DjangoProject:
        """Make the tables of the default database, and of the shop."""
        default = self.databases["default"]
        if self.migrated is not None and not self.path and "sqlite" in default["ENGINE"]:
            shutil.copytree(self.migrated / "shop", self.folder / "shop", dirs_exist_ok=True)
            shutil.copyfile(self.migrated / "db.sqlite3", default["NAME"])
        else:
            self.manage("makemigrations", "shop")
            self.manage("migrate")
        return self

    def manage(self, *arguments: str, exit_code: int | None = 0, **extra: str) -> str:
        """Run `manage.py …` to its end; return what it printed."""
        done = self.python("manage.py", *arguments, exit_code=exit_code, **extra)
        return done.stdout if exit_code == 0 else done.stdout + done.stderr

    def script(self, text: str, **extra: str) -> str:
        """Run Python with Django set up; return what it printed."""
        before = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop_settings'\n"
        code = f"{before}django.setup()\n{textwrap.dedent(text)}"
        return self.python("-W", "error", "-c", code, **extra).stdout

    def published(self) -> list[dict[str, Any]]:
        """Return what the ledger holds, oldest first."""
        lines = self.manage("asyncevents", "published", "--json", "--limit", "10000").splitlines()
        return [json.loads(line) for line in reversed(lines)]
