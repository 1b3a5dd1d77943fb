"""Secrets stay secret, and what is the operator's is not lent without a word."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from asyncevents_core.ports.sink import AnySinkType
from asyncevents_core.testing.conformance.sink_base import NewRequest, SinkFixtures, options_of
from asyncevents_core.testing.driver import driven
from asyncevents_core.testing.secrets import secret_fields

_PRIVILEGE: Final = re.compile(r"[a-z][a-z0-9-]*(:.+)?")


class SinkSecretTests(SinkFixtures):
    """Neither a repr nor a log at DEBUG nor an outcome holds one, whatever the attempt came to."""

    def test_the_configuration_hides_its_secrets(self, secret_config: Any, secret: str) -> None:
        assert secret not in repr(secret_config), (
            "give it field(repr=False, metadata={SECRET: True})"
        )

    async def test_secrets_are_not_shown(
        self,
        sink_type: AnySinkType,
        secret_config: Any,
        secret_options: Mapping[str, object],
        secret: str,
        target: str,
        unreachable: str | None,
        new_request: NewRequest,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with driven(sink_type, secret_config) as sink:
            for one in (target, unreachable):
                if one is None:
                    continue
                request = new_request(
                    target=one, options=secret_options, secrets=(secret,), config=secret_config
                )
                outcome = await sink.deliver(request, 5.0)
                assert secret not in repr(request)
                assert secret not in repr(outcome)
                assert secret not in outcome.detail + outcome.response
            assert secret not in repr(sink)
        assert secret not in caplog.text


class SinkPrivilegeTests(SinkFixtures):
    """What of the operator's a delivery would use is named, so that tenants need to be allowed."""

    def test_privileges_have_names_that_settings_can_allow(
        self, sink_type: AnySinkType, config: Any, target: str, options: Mapping[str, object]
    ) -> None:
        for given in (options, {}):
            one = options_of(sink_type, given)
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
        if secret_fields(sink_type.config_class):
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
        if own_options is None:
            return
        own = options_of(sink_type, own_options)
        assert list(sink_type.privileges(own, target, secret_config)) == []
