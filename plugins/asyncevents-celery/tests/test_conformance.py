"""The suite that core ships, on the sink `celery` and a real RabbitMQ."""

from __future__ import annotations

import pytest
from attrs import fields

from asyncevents_celery.plugin import CelerySinkType
from asyncevents_core.plugin import HELP, Failure
from asyncevents_core.testing import SinkConformance, make_request

TASK = "shop.tasks.index"


class TestCelerySink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return CelerySinkType()

    @pytest.fixture
    def config(self, config):
        return config

    @pytest.fixture
    def target(self):
        return f"celery://shop/{TASK}"

    @pytest.fixture
    def options(self, queue):
        # The one form that is the body, byte for byte.
        return {"arguments": "text", "queue": queue.name}

    @pytest.fixture
    def received(self, queue):
        return lambda: queue.texts(TASK)

    @pytest.fixture
    def elsewhere(self, queue):
        return "celery://shop/shop.tasks.other", lambda: queue.texts("shop.tasks.other")

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            TASK,
            f"celery://{TASK}",
            f"celery:/shop/{TASK}",
            f"celery://shop/{TASK}?queue=x",
            f"celery://shop/{TASK}/more",
            f"celery://unknown/{TASK}",
            f"celery://shop:5672/{TASK}",
            "celery://shop/",
            "celery://shop/os.system",
            "celery://shop/shop.tasks.a b",
            f"celery://shop/shop.tasks.{'x' * 255}",
        ]

    @pytest.fixture
    def bad_options(self):
        return [
            {"no_such_option": 1},
            {"arguments": "all"},
            {"queue": ""},
            {"queue": "q" * 256},
            {"queue": 7},
        ]

    @pytest.fixture
    def unreachable(self):
        return f"celery://absent/{TASK}"

    @pytest.fixture
    def hanging(self):
        return f"celery://silent/{TASK}"

    @pytest.fixture
    def failures(self, sink_type, config, target, unreachable, hanging):
        def asked(app, *, data=None, **options):
            return make_request(
                sink_type=sink_type,
                config=config,
                target=f"celery://{app}/{TASK}",
                data={"id": 1} if data is None else data,
                options=options,
            )

        return {
            Failure.NETWORK: unreachable,
            Failure.TIMED_OUT: hanging,
            Failure.CREDENTIALS: asked("refused"),
            Failure.DENIED: asked("limited"),
            Failure.UNKNOWN_TARGET: asked("strict", queue="no-such-queue"),
            Failure.UNAVAILABLE: asked("full", queue="full"),
            Failure.INVALID: asked("shop", data=[1, 2]),
        }


def test_forms_say_what_each_option_is_for():
    options = fields(CelerySinkType.options_class)
    assert all(one.metadata[HELP].endswith(".") for one in options)
