"""The shop of docs/examples, with routes for a storm and a real server in front of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.integration.inbox import SECRET
from tests.integration.project import Project

EXAMPLE = Path(__file__).parents[3] / "docs/examples/fastapi-shop"
APPLICATION = """
import logging, os, signal
from fastapi import HTTPException, Response
from shop import Publishes, app
from shop_database import DbSession, Order

logging.getLogger("uvicorn.error").addHandler(logging.FileHandler("errors.log"))

class Undone(Exception):
    pass

async def place_one(number, session, publish):
    session.add(Order(number=str(number), total=1))
    await session.flush()
    await publish("shop.order.created", {"number": number})

@app.get("/order/{number}/{what}", status_code=204)
async def order(number: int, what: str, session: DbSession, publish: Publishes) -> Response:
    await place_one(number, session, publish)
    try:
        async with session.begin_nested():
            await place_one(number + 1, session, publish)
            if what == "savepoint":
                raise Undone
    except Undone:
        pass
    if what == "rollback":
        # An answer as any other, and an exception for the session.
        raise HTTPException(204)
    if what == "kill":
        # Just after the commit, when nothing else was done.
        await session.commit()
        os.kill(os.getpid(), signal.SIGKILL)
    return Response(status_code=204)

@app.get("/raise/{number}", status_code=204)
async def fail(number: int, session: DbSession, publish: Publishes) -> Response:
    await place_one(number, session, publish)
    raise Undone
"""


class BusyShop:
    """The example in a project's folder, on its databases."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.folder
        self.url = str(project.settings["LEDGER_URL"])
        for one in ("shop.py", "shop_database.py", "shop_services.py"):
            shutil.copy(EXAMPLE / one, self.folder)
        (self.folder / "shop_settings.py").write_text("from project_settings import *\n")
        (self.folder / "busy.py").write_text(APPLICATION)
        subprocess.run(
            [sys.executable, "shop_database.py"], cwd=self.folder, check=True, timeout=180,
            env={**project.environment, "SHOP_DATABASE_URL": self.url},
        )  # fmt: skip

    def subscribe(self, address: str) -> None:
        self.project.run("subscribe", "shop.order.created", address, "--secret", SECRET)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start ``python -m …`` in the shop's folder; what it prints is in a file."""
        return self.project.start_python("-W", "ignore", "-m", *command, SHOP_DATABASE_URL=self.url)

    def said(self) -> str:
        """Return the end of what the application logged."""
        log = self.folder / "errors.log"
        return log.read_text()[-3000:] if log.exists() else "nothing was logged"

    def numbers(self) -> list[int]:
        """Return the numbers of the orders that there are."""
        engine = sa.create_engine(sa.make_url(self.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT number FROM orders").scalars().all()
        engine.dispose()
        return [int(one) for one in found]

    def compare(self, inbox: Any) -> int:
        """Compare the rows with the events, and these with what arrives; return how many."""
        orders = self.numbers()
        events = self.project.rows("published", "--limit", "10000")
        assert sorted(one["data"]["number"] for one in events) == sorted(orders), (
            "lost or phantom events"
        )
        self.project.run("worker", "--drain", "--log-level", "error")
        assert {one.event_id for one in inbox.accepted} == {one["event_id"] for one in events}
        return len(orders)
