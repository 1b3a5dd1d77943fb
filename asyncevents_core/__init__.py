"""asyncevents: application events, delivered asynchronously and reliably.

The names below are what applications import. `asyncevents_core.errors` has all errors,
`asyncevents_core.plugin` what authors of plugins import. These, and what docs/reference names of
`.alembic_support`, `.indexer_kit`, `.testing` and `.web`, are the public API; everything else may
change without notice.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# A name is imported on first use: `AsyncEvents` brings SQLAlchemy and kombu along, which a module
# of marked events does not need. Type-checkers and editors follow import statements only; at run
# time there are none to follow. So each name is here twice, and a test holds both lists equal.
# ``X as X`` marks what is meant for others, as an `__all__` would.
if TYPE_CHECKING:
    from asyncevents_core.application import AsyncEvents as AsyncEvents
    from asyncevents_core.domain.access import Actor as Actor
    from asyncevents_core.domain.delivery import DeliveryState as DeliveryState
    from asyncevents_core.domain.marked import event as event
    from asyncevents_core.domain.subscription import NewSubscription as NewSubscription
    from asyncevents_core.domain.subscription import RetryPolicy as RetryPolicy
    from asyncevents_core.domain.subscription import Subscription as Subscription
    from asyncevents_core.domain.subscription import SubscriptionStatus as SubscriptionStatus
    from asyncevents_core.domain.trace import Trace as Trace
    from asyncevents_core.engine.publishing.request import PublishRequest as PublishRequest
    from asyncevents_core.plugin_api import PLUGIN_API as PLUGIN_API
    from asyncevents_core.settings.schema import Settings as Settings

_HOMES = {
    "PLUGIN_API": "asyncevents_core.plugin_api",
    "Actor": "asyncevents_core.domain.access",
    "AsyncEvents": "asyncevents_core.application",
    "DeliveryState": "asyncevents_core.domain.delivery",
    "event": "asyncevents_core.domain.marked",
    "NewSubscription": "asyncevents_core.domain.subscription",
    "PublishRequest": "asyncevents_core.engine.publishing.request",
    "RetryPolicy": "asyncevents_core.domain.subscription",
    "Settings": "asyncevents_core.settings.schema",
    "Subscription": "asyncevents_core.domain.subscription",
    "SubscriptionStatus": "asyncevents_core.domain.subscription",
    "Trace": "asyncevents_core.domain.trace",
}

# Hidden from type-checkers: they would take every misspelt name for one that `__getattr__` knows.
if not TYPE_CHECKING:
    __all__ = list(_HOMES)

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'asyncevents_core' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return __all__
