"""What attackers write where they can write at all, and a world in which they have."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from asyncevents_core.domain.access import Actor, AuditEntry
from asyncevents_core.domain.delivery import Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.domain.user import Session, Source, User, new_session_text
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.replaying.jobs import start_job
from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)
from tests.web.serving import Api

INVISIBLE: Final = "\u202eltr\u2066\u200f\u061c\x07\x1b[31m\x7f\x85\u2028"
"""Controls and bidi marks, which change how what is beside them looks."""
PAYLOADS: Final = (
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<svg onload=window.hacked=1>",
    '"><script>window.hacked=1</script>',
    "' onmouseover='window.hacked=1' autofocus onfocus='window.hacked=1",
    '" onmouseover="window.hacked=1" style="color:red',
    "` onload=window.hacked=1 `",
    "javascript:window.hacked=1",
    "</title></textarea></pre><script>window.hacked=1</script>",
    "{{7*7}}{% raw %}{{ frame.csrf }}{% endraw %}${7*7}",
    "<!-- --><!--",
    "<a href=javascript:window.hacked=1 hx-get=/admin hx-trigger=load>x</a>",
    "&lt;b&gt;&#60;script&#62;",
    f"https://a.example/{INVISIBLE}",
)
"""Those that set `window.hacked` would do more."""
HARMLESS: Final = tuple(f"harmless {number}" for number in range(len(PAYLOADS)))

_NOW: Final = 1_767_225_600_000_000

PARAMETERS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "/subscriptions": (
            *("event_name", "target", "sink", "tenant", "status", "since", "until"),
            *("sort", "direction", "page"),
        ),
        "/subscriptions.csv": ("event_name", "since", "until", "sort", "direction"),
        "/subscriptions/status": ("action", "subscription_id", "back"),
        "/subscriptions/new": ("sink", "event_name"),
        "/subscriptions/{subscription}/edit": ("sink",),
        "/logs": (
            *("search", "event_name", "subscription_id", "success", "since", "until"),
            *("columns", "before", "live"),
        ),
        "/logs.csv": ("search", "event_name", "subscription_id", "since", "until", "payload"),
        "/logs/by-time": ("search", "event_name", "subscription_id", "since", "until"),
        "/deliveries": ("state", "subscription_id"),
        "/events": ("event_name", "state", "before"),
        "/events/{event}": ("after",),
        "/dead-letters": (
            *("event_name", "subscription_id", "reason", "since", "until", "replayed"),
            "before",
        ),
        "/replays": ("before",),
        "/replays/found": ("query",),
        "/replays/dead": (
            *("event_name", "subscription_id", "reason", "since", "until", "replayed"),
        ),
        "/tokens": ("page",),
        "/audit": ("before",),
        "/sign-in": ("next",),
    }
)
"""What each page reads of its address."""
PLAIN_PAGES: Final = (
    *("/", "/problems", "/password", "/subscriptions/{subscription}", "/traces/{trace}"),
    *("/subscriptions/{subscription}/secret", "/subscriptions/{subscription}/delete"),
    *("/events/{failed}", "/event-definitions", "/configuration", "/plugins"),
    "/event-definitions/order.secret",
    *("/tokens/{token}/revoke", "/tokens/hour", "/users", "/replays/{replay}", "/nothing"),
)
"""Those that read nothing of it."""


def notice(text: str) -> str:
    """Return the cookie of a notice."""
    return base64.urlsafe_b64encode(json.dumps({"text": text, "kind": text}).encode()).decode()


def hacked(api: Api, texts: Sequence[str]) -> Mapping[str, object]:
    """Write each of the texts wherever somebody outside can write; return what pages are about."""
    found: dict[str, object] = {}
    for number, text in enumerate(texts):
        found |= _written(api, text, number)
    return found


def session(api: Api, name: str) -> tuple[str, str]:
    """Sign in somebody with such a name, who may do everything; return cookie and form's token."""
    text, csrf = new_session_text(), uuid7().hex
    user = User(id=uuid7(), name=name, password_hash="none", resources=("all",), tenant=None)
    made = Session(
        id=text.id,
        digest=text.digest,
        user_id=user.id,
        name=user.name,
        source=Source.PASSWORD,
        csrf=csrf,
        expires_at=2**62,
    )

    def write(tx: Any) -> None:
        tx.users.insert(user)
        tx.users.insert_session(made)

    api.ledger.run(write)
    return text.text, csrf


def _written(api: Api, text: str, number: int) -> Mapping[str, object]:
    data = {"id": 1, text: {"value": text, "list": [text, {text: "\x00\ud800"}]}}
    body = json.dumps({"specversion": "1.0", "id": "1", "source": text, "data": data}).encode()
    name, tenant = text[:100], text[:100]
    event = make_event(
        name=name, tenant=tenant, external_id=f"{number}{text}", arguments=None, body=body
    )
    failed = make_event(name=name, tenant=tenant, arguments=json.dumps(data).encode())
    waiting = make_event(name=name, tenant=tenant, arguments=json.dumps([text]).encode())
    token = ApiToken(
        id=uuid7(), digest=uuid7().bytes * 2, name=text, resources=(text,), tenant=tenant
    )
    audit = AuditEntry(
        id=uuid7(), who=text, action=text[:60], subject=text[:100], tenant=tenant, details=data
    )
    worker = WorkerRow(
        id=uuid7(), host=text[:60], pid=1, roles=(Role.INDEX,), started_at=_NOW, beat_at=_NOW
    )
    # Those who subscribe are refused what cannot be printed.
    target = "".join(one for one in text if one.isprintable())
    new = make_subscription(
        event_name=target[:100], sink="http", target=target, tenant=target[:100]
    )
    made: dict[str, object] = {}

    def write(tx: Any) -> None:
        subscription = tx.subscriptions.insert(new)
        made["subscription"] = subscription
        delivery = make_delivery(
            event_id=event.id,
            subscription_id=subscription,
            state=DeliveryState.DEAD,
            reason=DeadReason.EXHAUSTED,
            due_at=None,
            claims=2,
            deaths=2,
        )
        made["trace"] = delivery.id
        others = [
            make_delivery(event_id=event.id, subscription_id=subscription, replay_request=uuid7())
            for _ in range(2)
        ]
        attempts = [
            make_attempt(
                delivery_id=delivery.id,
                claim_no=claim,
                outcome=OutcomeKind.RETRYABLE,
                response=text * 3,
                detail=text,
                target=f"{claim}{text}",
                started_at=_NOW + claim,
            )
            for claim in (1, 2)
        ]
        tx.events.insert([event, failed, waiting], due_in=0.0)
        tx.events.lock([event.id, failed.id])
        tx.events.mark_fanned_out([event.id])
        tx.events.fail(failed.id, deaths=1, error=text, traceback=f"{text}\n{text}")
        tx.deliveries.insert([delivery, *others])
        tx.outcomes.record(attempts)
        tx.index.queue([Claim(id=delivery.id, claim_no=one.claim_no) for one in attempts])
        tx.access.insert_token(token)
        tx.access.write_audit([audit])
        tx.workers.beat(worker)

    api.ledger.run(write)
    wanted = DeadFilter(event_name=name, tenant=tenant)
    job = start_job(api.ledger, wanted, total=1, rate=1.0, by=Actor.trusted(text[:100]))
    ids = {"event": event.id, "failed": failed.id, "token": token.id, "replay": job.id}
    return {**made, **ids}
