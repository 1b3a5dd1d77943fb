"""Secrets stay secret: of the configuration, of the options, of the subscription."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from asyncevents_core.ports.sink import AnySinkType
from asyncevents_core.testing.conformance.sink_base import NewRequest, SinkFixtures
from asyncevents_core.testing.driver import driven


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
                request = new_request(target=one, options=secret_options, secrets=(secret,))
                outcome = await sink.deliver(request, 5.0)
                assert secret not in repr(request)
                assert secret not in repr(outcome)
                assert secret not in outcome.detail + outcome.response
            assert secret not in repr(sink)
        assert secret not in caplog.text
