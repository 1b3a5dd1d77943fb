"""Making and changing a subscription: a form that follows the chosen sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.event_pattern import read_pattern
from asyncevents_core.domain.filtering.stored import from_text
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    filter_text,
)
from asyncevents_core.engine.managing.filter_trials import FilterTrial, try_filter
from asyncevents_core.engine.managing.subscriptions import change, subscribe, visible
from asyncevents_core.errors import PluginError
from asyncevents_core.runtime import Runtime
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, RowId, row_id
from asyncevents_core.web.api.problems import (
    SUBSCRIPTION,
    FieldError,
    Problem,
    invalid,
    problem_of,
)
from asyncevents_core.web.api.schemas.subscription_input import SubscriptionBody
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.filters import sentence
from asyncevents_core.web.pages.form import Form, form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.option_fields import (
    OptionField,
    OptionGroup,
    grouped,
    option_fields,
    read_options,
)

PATH: Final = "/subscriptions"
_NEW: Final = f"{PATH}/new"
_EDIT: Final = f"{PATH}/{{subscription_id:int}}/edit"
_DEFAULT_SINK: Final = "http"
_THEIR_OWN: Final = 500
_WHOLE: Final = ("maximum_deaths", "warn_failures", "disable_failures")
_NUMBERS: Final = (*_WHOLE, "jitter", "rate_limit", "warn_after", "disable_after")


@frozen(kw_only=True)
class SubscriptionForm:
    """The form as it is shown: its values as texts, and what is wrong with them by field.

    `subscription_id` is None for a new one. `key` makes a form that is sent twice be done once.
    `trial` is what its filter lets pass, if that was asked for.
    """

    subscription_id: int | None
    values: Mapping[str, str]
    events: Sequence[tuple[str, str]]
    sinks: Sequence[tuple[str, str]]
    signs: bool
    options: Sequence[OptionField]
    key: str = ""
    trial: FilterTrial | None = None
    errors: Mapping[str, str] = field(factory=dict)

    @property
    def option_groups(self) -> Sequence[OptionGroup]:
        """The options that stand under a heading."""
        return grouped(self.options)

    def value(self, name: str) -> str:
        """Return the text of a field."""
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """Return what is wrong with a field; "" for nothing."""
        return self.errors.get(name, "")


@frozen(kw_only=True)
class MadeSubscription:
    """A subscription that was made, or got a new secret, which is shown this once."""

    subscription: Subscription
    secret: str | None
    title: str


@get(_NEW, opt=needs(Resource.CREATE))
async def new(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show an empty form; `sink` in the address chooses whose options it asks for."""
    sink = request.query_params.get("sink", _DEFAULT_SINK)
    values = {"sink": sink, "event_name": request.query_params.get("event_name", "")}
    view = _form(backend.runtime, actor, None, values, {})
    return shown(frame, "subscription_form.html", evolve(view, key=str(uuid7())))


@post(_NEW, opt=needs(Resource.CREATE))
async def create(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Make a subscription, and show its secret; or the form again with what is wrong."""
    form = await form_of(request)
    runtime = backend.runtime
    again = evolve(
        _form(runtime, actor, None, _texts(form), {}),
        key=form.get("key"),
    )
    if "choose" in form.fields:
        # Without JavaScript: another sink was chosen, whose options are to be asked for.
        return shown(frame, "subscription_form.html", again)
    if "try" in form.fields:
        return await _tried(backend, actor, frame, form, again)

    def work() -> Subscription:
        sent = _sent(runtime, form, {}, actor)
        base = NewSubscription(
            event_name=str(sent["event_name"]), sink=str(sent["sink"]), target=str(sent["target"])
        )
        key = IdempotentRequest.of(actor.who, f"form {form.get('key')}", b"")
        return subscribe(
            runtime.ledger,
            runtime.catalog,
            SubscriptionBody.read(sent).merged(base),
            check=runtime.check_subscription,
            by=actor,
            idempotency=key if form.get("key") else None,
            observers=runtime.observers,
        )

    try:
        made = await backend.run(work)
    except Exception as error:
        return shown(
            frame, "subscription_form.html", evolve(again, errors=_errors(error)), status=400
        )
    secret = None if made.secret is None else receiver_secret(made.secret)
    view = MadeSubscription(subscription=made, secret=secret, title="Subscribed")
    return shown(frame, "subscription_made.html", view)


@get(_EDIT, opt=needs(Resource.CREATE))
async def edit(
    subscription_id: RowId,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Template:
    """Show a subscription's form; `sink` in the address chooses another sink."""
    number = row_id(subscription_id)
    found = await backend.read(lambda view: view.subscriptions.get(number))
    one = visible(found, number, actor)
    values = {**_values(one), **{k: v for k, v in request.query_params.items() if k == "sink"}}
    options = backend.runtime.shown_options(one) if values["sink"] == one.sink else {}
    view = _form(backend.runtime, actor, number, values, options)
    return shown(frame, "subscription_form.html", view)


@post(_EDIT, opt=needs(Resource.CREATE))
async def save(
    subscription_id: RowId,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Template | Redirect:
    """Change a subscription, or show the form again with what is wrong."""
    number = row_id(subscription_id)
    form = await form_of(request)
    runtime = backend.runtime
    found = await backend.read(lambda view: view.subscriptions.get(number))
    one = visible(found, number, actor)
    kept = runtime.shown_options(one) if form.text("sink") == one.sink else {}
    again = _form(runtime, actor, number, _texts(form), kept)
    if "choose" in form.fields:
        return shown(frame, "subscription_form.html", again)
    if "try" in form.fields:
        return await _tried(backend, actor, frame, form, again)

    def work() -> Subscription:
        sent = _sent(runtime, form, kept, actor)
        return change(
            runtime.ledger,
            runtime.catalog,
            number,
            SubscriptionBody.read(sent).merged,
            check=runtime.check_subscription,
            by=actor,
            observers=runtime.observers,
        )

    try:
        await backend.run(work)
    except Exception as error:
        return shown(
            frame, "subscription_form.html", evolve(again, errors=_errors(error)), status=400
        )
    return done(frame, f"{PATH}/{number}", "The subscription is changed.")


HANDLERS: Final = [new, create, edit, save]


async def _tried(
    backend: RequestBackend, actor: Actor, frame: Frame, form: Form, again: SubscriptionForm
) -> Template:
    """Show the form again, with what its filter lets pass; nothing is saved."""
    actor.require([Resource.LOGS_LIST], to="try a filter")

    def work() -> FilterTrial:
        return try_filter(
            backend.ledger,
            backend.runtime.filters,
            read_pattern(form.text("event_name")),
            from_text(form.text("filter")),
            tenant=actor.tenant or form.text("tenant") or None,
        )

    try:
        trial = await backend.run(work)
    except Exception as error:
        view, status = evolve(again, errors=_errors(error)), 400
    else:
        view, status = evolve(again, trial=trial), 200
    return shown(frame, "subscription_form.html", view, status=status)


def _form(
    runtime: Runtime,
    actor: Actor,
    number: int | None,
    values: Mapping[str, str],
    options: Mapping[str, object],
) -> SubscriptionForm:
    """Return the form with the options of the sink in `values`; none of one that is not there."""
    sink = values.get("sink", "")
    try:
        kind = runtime.sinks.kind(sink)
    except PluginError:
        kind = None
    typed = {
        name.removeprefix("options."): text
        for name, text in values.items()
        if name.startswith("options.")
    }
    return SubscriptionForm(
        subscription_id=number,
        values=values,
        events=[
            (one.name, one.name if one.title is None else f"{one.name}: {one.title}")
            for one in runtime.catalog
            if all(actor.may(resource) for resource in one.resources)
        ],
        sinks=[(one.name, one.value.title) for one in runtime.sinks],
        signs=kind is not None and kind.signs,
        options=() if kind is None else option_fields(kind.options_class, {**options, **typed}),
    )


def _texts(form: Form) -> dict[str, str]:
    """Return what was typed in, to be shown again; no secret is."""
    return {name: form.text(name) for name in form.fields if name not in {"secret", "csrf"}}


def _values(one: Subscription) -> dict[str, str]:
    """Return the texts of a subscription's form."""
    retry = one.retry
    return {
        "event_name": one.event_name,
        "sink": one.sink,
        "target": one.target,
        "tenant": one.tenant or "",
        "status": one.status.value,
        "maximum_deaths": "" if retry.maximum_deaths is None else str(retry.maximum_deaths),
        "schedule": "" if retry.schedule is None else ", ".join(f"{s:g}" for s in retry.schedule),
        "jitter": f"{retry.jitter:g}" if retry.jitter else "",
        "rate_limit": "" if one.rate_limit is None else f"{one.rate_limit:g}",
        "filter": filter_text(one.filter),
        **{name: "" if value is None else f"{value:g}" for name, value in one.failure.said.items()},
    }


def _sent(
    runtime: Runtime, form: Form, kept: Mapping[str, object], actor: Actor
) -> dict[str, object]:
    """Return a form as the body of a request that changes everything but the secret.

    Raises a `Problem` for options and numbers that cannot be read.
    """
    kind = runtime.sinks.kind(form.text("sink"))
    sent: dict[str, object] = {
        "event_name": form.text("event_name"),
        "sink": form.text("sink"),
        "target": form.text("target"),
        "tenant": form.text("tenant") or actor.tenant,
        "status": form.text("status") or "enabled",
        "schedule": _schedule(form.text("schedule")),
        "filter": _filter(form.text("filter")),
        **{name: _number(name, form.text(name)) for name in _NUMBERS},
    }
    if form.get("secret"):
        sent["secret"] = form.get("secret")
    try:
        sent["options"] = read_options(kind.options_class, form, kept)
    except ValueError as error:
        raise _wrong("options", str(error)) from error
    return sent


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return int(text) if name in _WHOLE else float(text)
    except ValueError as error:
        what = "a whole number" if name in _WHOLE else "a number"
        raise _wrong(name, f"it is {what}") from error


def _schedule(text: str) -> list[float] | None:
    if not text:
        return None
    try:
        return [float(one) for one in text.split(",")]
    except ValueError as error:
        raise _wrong("schedule", "it is seconds with commas in between: 1, 10, 60") from error


def _filter(text: str) -> object:
    return from_text(text) if text else None


def _wrong(name: str, message: str) -> Problem:
    return invalid(FieldError(field=f"{SUBSCRIPTION}.{name}", message=message))


def _errors(error: Exception) -> Mapping[str, str]:
    """Return what is wrong by field, "" for what is about none; raise what people cannot mend."""
    problem = error if isinstance(error, Problem) else problem_of(error, {})
    if problem is None or problem.status >= _THEIR_OWN:
        raise error
    found = {
        one.field.removeprefix(f"{SUBSCRIPTION}."): sentence(one.message) for one in problem.fields
    }
    return found or {"": sentence(problem.detail)}
