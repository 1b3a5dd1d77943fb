"""Projects of Django in folders of their own, worked on by their manage.py."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define

from tests.integration.folder import Folder
from tests.integration.project import Project

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
COMMANDS = """
import sys
from django.core.management import execute_from_command_line
for command in {commands!r}:
    try:
        execute_from_command_line(["manage.py", *command])
    except SystemExit as ended:
        if ended.code:
            raise
"""
PYMYSQL = """
import pymysql
pymysql.version_info = (2, 2, 7, "final", 0)
pymysql.install_as_MySQLdb()
"""
EVENTS: dict[str, Any] = {"order.created": {}, "order.deleted": {}, "note.written": {}}
NAMES = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


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


def url_of(database: dict[str, Any]) -> str:
    """Return the address of the database that an entry of DATABASES means."""
    kind = database["ENGINE"].rpartition(".")[2]
    if kind == "sqlite3":
        return f"sqlite:///{database['NAME']}"
    url = sa.URL.create(
        DRIVERS[kind],
        username=database["USER"],
        password=database["PASSWORD"] or None,
        host=database["HOST"],
        port=database["PORT"],
        database=database["NAME"],
    )
    return url.render_as_string(hide_password=False)


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

    `path` is what comes before all else on the import path: another Django. `migrated` returns, for
    such a path, a folder whose tables are there: to copy them takes less time than to make them.
    """

    databases: dict[str, dict[str, Any]]
    asyncevents: dict[str, Any]
    before: str = ""
    after: str = ""
    migrated: Callable[[tuple[str, ...]], Path] | None = None

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
        if self.migrated is None:
            self.manage("makemigrations", "shop")
            self.manage("migrate")
            return self
        copied = self.migrated(self.path)
        shutil.copytree(copied / "shop", self.folder / "shop", dirs_exist_ok=True)
        if "sqlite" in default["ENGINE"]:
            shutil.copyfile(copied / "db.sqlite3", default["NAME"])
        else:
            self.manage("migrate")
        return self

    def manage(self, *arguments: str, exit_code: int | None = 0, **extra: str) -> str:
        """Run `manage.py …` to its end; return what it printed."""
        done = self.python("manage.py", *arguments, exit_code=exit_code, **extra)
        return done.stdout if exit_code == 0 else done.stdout + done.stderr

    def manage_all(self, *commands: Sequence[str]) -> str:
        """Run one `manage.py …` after another, in one process; return what they printed.

        A process imports for longer than most commands take. Each has to succeed.
        """
        code = COMMANDS.format(commands=[list(one) for one in commands])
        return self.python("-c", code, DJANGO_SETTINGS_MODULE="shop_settings").stdout

    def script(self, text: str, **extra: str) -> str:
        """Run Python with Django set up; return what it printed."""
        before = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop_settings'\n"
        code = f"{before}django.setup()\n{textwrap.dedent(text)}"
        return self.python("-W", "error", "-c", code, **extra).stdout

    def look(self) -> Project:
        """Return a project on the same ledger, to look at it without a process of Django."""
        apart = self.folder / "look"
        apart.mkdir(exist_ok=True)
        database = self.databases[self.asyncevents.get("LEDGER", "default")]
        url = self.asyncevents.get("LEDGER_URL") or url_of(database)
        return Project(apart, {"LEDGER_URL": url, "INDEXER": None})

    def published(self) -> list[dict[str, Any]]:
        """Return what the ledger holds, oldest first."""
        return self.look().rows("published", "--limit", "10000")[::-1]

    def tables(self) -> dict[str, tuple[bool, bool]]:
        """Return of each database whether it has the ledger's tables, and their revision."""
        found = {}
        for alias, database in self.databases.items():
            engine = sa.create_engine(url_of(database))
            names = sa.inspect(engine).get_table_names()
            engine.dispose()
            found[alias] = ("asyncevents_event" in names, "asyncevents_alembic_version" in names)
        return found
