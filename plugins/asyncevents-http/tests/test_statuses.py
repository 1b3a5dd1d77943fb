"""Which statuses are retried, where a subscription says so."""

from __future__ import annotations

import pytest
from aiohttp import web

from asyncevents_core.plugin import OutcomeKind
from asyncevents_http.statuses import StatusRules
from sending import send

RETRYABLE, PERMANENT, GONE = OutcomeKind.RETRYABLE, OutcomeKind.PERMANENT, OutcomeKind.GONE


@pytest.mark.parametrize(
    ("options", "status", "kind"),
    [
        ({}, 409, PERMANENT),
        ({"retry_on": ["409"]}, 409, RETRYABLE),
        ({"retry_on": ["409"]}, 404, PERMANENT),
        ({"retry_on": ["4xx"]}, 404, RETRYABLE),
        ({"retry_on": ["4xx"], "give_up_on": ["404"]}, 404, PERMANENT),
        ({"retry_on": ["4xx"], "give_up_on": ["404"]}, 403, RETRYABLE),
        ({"retry_on": ["3xx"]}, 302, RETRYABLE),
        ({"give_up_on": ["501"]}, 501, PERMANENT),
        ({"give_up_on": ["501"]}, 503, RETRYABLE),
        ({"give_up_on": ["5xx"], "retry_on": ["503"]}, 503, RETRYABLE),
        ({"give_up_on": ["429"]}, 429, PERMANENT),
        ({}, 410, GONE),
        ({"retry_on": ["410"]}, 410, RETRYABLE),
        ({"give_up_on": ["410"]}, 410, PERMANENT),
        ({"give_up_on": ["4xx"]}, 410, PERMANENT),
        ({"retry_on": ["401"], "bearer_token": "x"}, 401, RETRYABLE),
        ({"give_up_on": ["401"], "bearer_token": "x"}, 401, PERMANENT),
    ],
)
async def test_what_a_status_means(serve, options, status, kind):
    async def answer(_):
        return web.Response(status=status)

    outcome = await send(await serve(answer), **options)
    assert (outcome.kind, outcome.http_status) == (kind, status)
    assert f"HTTP {status}" in outcome.detail


async def test_the_outcome_names_the_option(serve):
    async def answer(_):
        return web.Response(status=409, headers={"retry-after": "7"})

    target = await serve(answer)
    outcome = await send(target, retry_on=["409"])
    assert outcome.detail == "unavailable: HTTP 409 (retried, as the option retry_on says)"
    assert outcome.retry_after == 7
    outcome = await send(target, give_up_on=["409"])
    assert outcome.detail == "invalid: HTTP 409"


def test_rules():
    rules = StatusRules(("4XX", "503"), ("404", "5xx"))
    found = {one: rules.retries(one) for one in (400, 404, 500, 503, 302)}
    assert found == {400: True, 404: False, 500: False, 503: True, 302: None}
