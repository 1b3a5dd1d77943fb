"""Checks a subscription with its sink and its filter, before it is kept."""

from __future__ import annotations

from attrs import evolve

from asyncevents_core.domain.secret import generate_secret
from asyncevents_core.domain.subscription import NewSubscription
from asyncevents_core.engine.managing.filter_trials import checked_filter
from asyncevents_core.engine.managing.subscriptions import Checked
from asyncevents_core.ports.filters import FilterCompiler
from asyncevents_core.sink_catalog import SinkCatalog


def checked(wanted: NewSubscription, sinks: SinkCatalog, filters: FilterCompiler) -> Checked:
    """Return it, with a secret if its sink signs and it has none, and its privileges. No I/O.

    Raises `UnknownName`; `InvalidTarget` or `InvalidOptions` where the sink refuses it;
    `InvalidFilter`, and `MissingExtra` for a filter that needs one.
    """
    sink = sinks.get(wanted.sink)
    kind, config = sink.kind, sink.config
    kind.validate_target(wanted.target, config)
    options = sink.options(wanted.options)
    kind.validate_options(options, wanted.target, config)
    privileges = tuple(kind.privileges(options, wanted.target, config))
    if wanted.filter is not None:
        wanted = evolve(wanted, filter=checked_filter(filters, wanted.filter))
    if kind.signs and wanted.secret is None:
        wanted = evolve(wanted, secret=generate_secret())
    return Checked(subscription=wanted, privileges=privileges)
