"""Secrets stay secret, and what is the operator's is not lent without a word."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
from attrs import evolve

from asyncevents_core.domain.outcome import Failure
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.sink import AnySinkType, DeliveryRequest
from asyncevents_core.testing.conformance.needing import given, left_out
from asyncevents_core.testing.conformance.sink_base import (
    SHORT,
    NewRequest,
    SinkFixtures,
    options_of,
)
from asyncevents_core.testing.driver import close, driven
from asyncevents_core.testing.secrets import forms_shown, secret_fields

_LONG: Final = 5.0
"""Seconds for a delivery that is not meant to time out."""

_PRIVILEGE: Final = re.compile(r"[a-z][a-z0-9-]*(:.+)?")


class SinkSecretTests(SinkFixtures):
    """Neither a repr nor a log at DEBUG nor an outcome holds one, whatever the attempt came to."""

    def test_the_configuration_hides_its_secrets(self, secret_config: Any, secret: str) -> None:
        assert secret not in repr(secret_config), (
            "give it field(repr=False, metadata={SECRET: True})"
        )

    @pytest.mark.parametrize("where", ["target", "unreachable", "hanging", "failures"])
    async def test_secrets_are_not_shown(
        self,
        sink_type: AnySinkType,
        secret_config: Any,
        secret_options: Mapping[str, object],
        secret: str,
        target: str,
        unreachable: str | None,
        hanging: str | None,
        failures: Mapping[Failure, str | DeliveryRequest],
        where: str,
        new_request: NewRequest,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Options, configuration and the subscription have it; nothing that one sees does."""
        caplog.set_level(logging.DEBUG)
        own = {"options": secret_options, "secrets": (secret,), "config": secret_config}
        shown: dict[str, str] = {}
        places: Mapping[str, Sequence[str | DeliveryRequest | None]] = {
            "target": [target],
            "unreachable": [unreachable],
            "hanging": [hanging],
            "failures": list(failures.values()),
        }
        chosen = [one for one in places[where] if one is not None]
        async with driven(sink_type, secret_config) as sink:
            for number, how in enumerate(given(chosen, where)):
                request = _with_secrets(how, new_request, own)
                deadline = SHORT if where != "target" else _LONG
                try:
                    outcome = await sink.deliver(request, deadline)
                except Exception as error:
                    shown[f"exception {number}"] = "".join(traceback.format_exception(error))
                else:
                    text = f"{outcome!r}\n{outcome.detail}\n{outcome.response}"
                    shown[f"outcome {number}"] = text
                shown[f"request {number}"] = repr(request)
            shown["sink"] = f"{sink!r} {sink}"
        opened = sink_type.open(secret_config)
        shown["open sink"] = f"{opened!r} {opened}"
        await close(opened)
        shown["log"] = caplog.text
        shown["extra fields of the log"] = "\n".join(repr(vars(one)) for one in caplog.records)
        shown["standard output"], shown["standard error"] = capfd.readouterr()
        found = [f"{one}: {forms}" for one, text in shown.items() if (forms := _in(text, secret))]
        assert not found, "\n".join(found)
        raised = [one for one in shown if one.startswith("exception")]
        assert not raised, "\n".join(shown[one] for one in raised)

    def test_what_is_refused_does_not_show_the_secret(
        self,
        sink_type: AnySinkType,
        secret_config: Any,
        secret_options: Mapping[str, object],
        secret: str,
        target: str,
        bad_targets: Sequence[str],
        bad_options: Sequence[Mapping[str, object]],
    ) -> None:
        """Who subscribes reads why it was refused, and it is logged."""
        said: list[str] = []
        for bad in bad_targets:
            try:
                made = options_of(sink_type, secret_options)
                sink_type.validate_target(bad, secret_config)
                sink_type.validate_options(made, bad, secret_config)
                sink_type.prepare(bad, made, secret_config)
            except AsyncEventsError as error:
                said.append("".join(traceback.format_exception_only(error)))
        for more in bad_options:
            try:
                made = options_of(sink_type, {**secret_options, **more})
                sink_type.validate_options(made, target, secret_config)
            except AsyncEventsError as error:
                said.append("".join(traceback.format_exception_only(error)))
        found = [one for one in said if _in(one, secret)]
        assert not found, "\n".join(found)


def _with_secrets(
    how: str | DeliveryRequest, new_request: NewRequest, own: Mapping[str, Any]
) -> DeliveryRequest:
    """Return a request with secrets, to a target or as another request."""
    if isinstance(how, str):
        return new_request(target=how, **own)
    made = new_request(target=how.target, **own)
    return evolve(how, options=made.options, prepared=made.prepared, secrets=made.secrets)


def _in(text: str, secret: str) -> str:
    return ", ".join(sorted(set(forms_shown(secret, text))))


class SinkPrivilegeTests(SinkFixtures):
    """What of the operator's a delivery would use is named, so that tenants need to be allowed."""

    def test_privileges_have_names_that_settings_can_allow(
        self, sink_type: AnySinkType, config: Any, target: str, options: Mapping[str, object]
    ) -> None:
        for chosen in (options, {}):
            one = options_of(sink_type, chosen)
            named = sink_type.privileges(one, target, config)
            assert not isinstance(named, str)
            assert [name for name in named if not _PRIVILEGE.fullmatch(name)] == []
            assert list(named) == list(sink_type.privileges(one, target, config))

    def test_to_use_the_secrets_of_the_configuration_is_a_privilege(
        self,
        sink_type: AnySinkType,
        secret_config: Any,
        target: str,
        options: Mapping[str, object],
    ) -> None:
        own = secret_fields(sink_type.options_class)
        without = {name: value for name, value in options.items() if name not in own}
        if not secret_fields(sink_type.config_class):
            left_out("its configuration has no secrets")
        assert sink_type.privileges(options_of(sink_type, without), target, secret_config), (
            "a delivery without credentials of its own uses those of the configuration: "
            "name that in `privileges`"
        )

    def test_nothing_of_the_operators_is_used_with_options_of_ones_own(
        self,
        sink_type: AnySinkType,
        secret_config: Any,
        target: str,
        own_options: Mapping[str, object] | None,
    ) -> None:
        own = options_of(sink_type, given(own_options, "own_options"))
        assert list(sink_type.privileges(own, target, secret_config)) == []
