"""Sinks that show secrets, each in a place and a form of its own, or lend what is not theirs."""

from __future__ import annotations

import base64
import logging
import os
import sys
from urllib.parse import quote, urlencode

import pytest
from attrs import field, frozen

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import Failure, Outcome
from asyncevents_core.testing import RecordingSinkType
from tests.conformance.mutants.base import ANSWERS, SILENT, Suite

logger = logging.getLogger("mistaken")


def basic(request):
    """Return the secret as a header has it that names a user, too."""
    return base64.b64encode(f"shop:{request.options.key}".encode()).decode()


class _Telling(Suite):
    noticed_by = "test_secrets_are_not_shown[target]"

    def tell(self, request):
        """Show the secrets of a request somewhere."""

    def mistake(self, deliver):
        async def changed(request, deadline):
            self.tell(request)
            return await deliver(request, deadline)

        return changed


class TestThatLogsItsSecrets(_Telling):
    def tell(self, request):
        logger.debug("signing with %s", request.secrets)


class TestThatLogsAHeader(_Telling):
    def tell(self, request):
        logger.debug("Authorization: Basic %s", basic(request))


class TestThatLogsHexadecimal(_Telling):
    def tell(self, request):
        logger.debug("key %s", request.options.key.encode().hex().upper())


class TestThatLogsTheKeyItself(_Telling):
    """What stands behind the prefix, decoded: it signs as well."""

    def tell(self, request):
        _, _, encoded = request.options.key.rpartition("_")
        logger.debug("key %r", base64.b64decode(encoded))


class TestThatLogsFields(_Telling):
    def tell(self, request):
        logger.debug("signing", extra={"key": request.options.key})


class TestThatLogsAnAddress(_Telling):
    noticed_by = "test_secrets_are_not_shown[unreachable]"

    @pytest.fixture
    def secret(self):
        return "a key/with=signs & blanks"

    def tell(self, request):
        if request.target in ANSWERS:
            logger.debug("cannot reach https://host/?%s", urlencode({"key": request.options.key}))


class TestThatLogsAPath(TestThatLogsAnAddress):
    def tell(self, request):
        if request.target in ANSWERS:
            logger.debug("cannot reach https://host/%s", quote(request.options.key))


class TestThatPrintsItsSecrets(_Telling):
    def tell(self, request):
        print("key:", request.options.key)


class TestThatWritesToStandardError(_Telling):
    noticed_by = "test_secrets_are_not_shown[hanging]"

    def tell(self, request):
        if request.target == SILENT:
            sys.stderr.write(f"waiting with {request.options.key}\n")


class TestThatWritesPastPython(_Telling):
    noticed_by = "test_secrets_are_not_shown[failures]"

    def tell(self, request):
        if ANSWERS.get(request.target) is Failure.CREDENTIALS:
            os.write(2, request.options.key.encode())


class TestThatTellsInTheDetail(Suite):
    noticed_by = "test_secrets_are_not_shown[target]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return Outcome.delivered(f"with {request.options.key}")

        return changed


class TestThatTellsWhatWasRefused(Suite):
    noticed_by = "test_secrets_are_not_shown[failures]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            outcome = await deliver(request, deadline)
            if ANSWERS.get(request.target) is Failure.CREDENTIALS:
                return Outcome.failed(Failure.CREDENTIALS, f"HTTP 401 for {request.options.key}")
            return outcome

        return changed


class TestThatTellsInTheResponse(Suite):
    noticed_by = "test_secrets_are_not_shown[target]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            return Outcome.delivered(response=f"you sent {basic(request)}")

        return changed


class TestThatRaisesWithASecret(Suite):
    noticed_by = "test_secrets_are_not_shown[unreachable]"

    def mistake(self, deliver):
        async def changed(request, deadline):
            await deliver(request, deadline)
            if request.target in ANSWERS:
                raise ConnectionError(f"cannot reach host?key={request.options.key}")
            return Outcome.delivered()

        return changed


class TestThatHasItInItsRepr(Suite):
    noticed_by = "test_secrets_are_not_shown[target]"

    class base(RecordingSinkType):
        def open(self, config):
            sink = super().open(config)

            class Shown(type(sink)):
                def __repr__(self):
                    return f"Shown({config!r}, {config.token})"

            sink.__class__ = Shown
            return sink


class TestThatRefusesWithASecret(Suite):
    noticed_by = "test_what_is_refused_does_not_show_the_secret"

    class base(RecordingSinkType):
        def validate_target(self, target, config):
            if not target.startswith("memory:"):
                raise InvalidTarget(f"{target} is nothing for {config.token}")


@frozen(kw_only=True)
class OpenConfig:
    greeting: str = "hello"
    token: str = field(default="", metadata={"secret": True})


class TestThatShowsItsConfiguration(Suite):
    noticed_by = "test_the_configuration_hides_its_secrets"

    @pytest.fixture
    def config(self):
        return OpenConfig()


class TestThatLendsItsSecrets(Suite):
    noticed_by = "test_to_use_the_secrets_of_the_configuration_is_a_privilege"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            return ()


class TestThatNamesItsPrivilegesForPeople(Suite):
    noticed_by = "test_privileges_have_names_that_settings_can_allow"

    class base(RecordingSinkType):
        def privileges(self, options, target, config):
            return ("The keys of the shop",)


class TestThatNeverStopsLending(Suite):
    noticed_by = "test_nothing_of_the_operators_is_used_with_options_of_ones_own"

    @pytest.fixture
    def own_options(self):
        return {"note": "mine"}
