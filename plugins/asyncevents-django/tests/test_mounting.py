"""The REST API and the pages under a path of a project."""

from __future__ import annotations

import httpx

from tests.integration.project import eventually
from tests.services.ports import free_port

ASGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")
from django.core.asgi import get_asgi_application
django_application = get_asgi_application()
from asyncevents_django.asgi import mounted
application = mounted(django_application, path="/events")
for wrong in ("events", "/"):
    try:
        mounted(django_application, path=wrong)
    except ValueError:
        pass
    else:
        raise AssertionError(wrong)
"""


def test_under_a_path(shop):
    shop.write("shop_asgi.py", ASGI)
    shop.script("from shop.models import Order; Order.objects.create(number=7)")
    token = shop.manage("asyncevents", "token", "create", "t", "--resource", "manage").split()[-1]
    port = free_port()
    shop.start("-W", "ignore", "-m", "uvicorn", "shop_asgi:application", "--port", str(port))
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return httpx.get(f"{address}/events/health", timeout=60).json() == {"status": "ok"}
        except httpx.HTTPError:
            return False

    eventually(answers, what="the server answers")
    listed = httpx.get(
        f"{address}/events/rest/V1/events", headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    assert [one["data"] for one in listed.json()["items"]] == [{"id": 1}]
    assert httpx.get(f"{address}/events/rest/V1/events", timeout=60).status_code == 401
    page = httpx.get(f"{address}/events/admin/sign-in", timeout=60)
    assert "<h1>Sign in to asyncevents</h1>" in page.text
    django = httpx.get(f"{address}/admin/login/", timeout=60)
    assert "Django administration" in django.text
