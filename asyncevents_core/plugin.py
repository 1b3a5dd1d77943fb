"""What authors of plugins import, beside `asyncevents_core` and `asyncevents_core.errors`.

Sinks, service resolvers, retry managers, indexers, observers, event definitions, and the mark of
a hook's implementation. docs/reference/hooks.md says what each is for.

These are plain imports, so that type-checkers, editors and readers see one list; ``X as X`` marks
what is meant for others. A plugin's module loads all of it at start, so nothing here may import
more than attrs and pluggy: a test holds it to that.
"""

from asyncevents_core.domain.event import EventDefinition as EventDefinition
from asyncevents_core.domain.histogram import Buckets as Buckets
from asyncevents_core.domain.outcome import Failure as Failure
from asyncevents_core.domain.outcome import Outcome as Outcome
from asyncevents_core.domain.outcome import OutcomeKind as OutcomeKind
from asyncevents_core.domain.secret import private_key as private_key
from asyncevents_core.domain.secret import public_jwk as public_jwk
from asyncevents_core.domain.secret import receiver_secret as receiver_secret
from asyncevents_core.domain.secret import symmetric_key as symmetric_key
from asyncevents_core.domain.trace_context import TraceContext as TraceContext
from asyncevents_core.hookspecs import hookimpl as hookimpl
from asyncevents_core.ports.broker import BrokerConfig as BrokerConfig
from asyncevents_core.ports.broker import Consumer as Consumer
from asyncevents_core.ports.broker import HandOff as HandOff
from asyncevents_core.ports.indexer import AttemptDocument as AttemptDocument
from asyncevents_core.ports.indexer import Found as Found
from asyncevents_core.ports.indexer import Indexer as Indexer
from asyncevents_core.ports.indexer import IndexerType as IndexerType
from asyncevents_core.ports.indexer import Rebuild as Rebuild
from asyncevents_core.ports.indexer import Rejected as Rejected
from asyncevents_core.ports.observer import AttemptEnded as AttemptEnded
from asyncevents_core.ports.observer import AttemptStarted as AttemptStarted
from asyncevents_core.ports.observer import BacklogCounted as BacklogCounted
from asyncevents_core.ports.observer import DeliveryDied as DeliveryDied
from asyncevents_core.ports.observer import EventFailed as EventFailed
from asyncevents_core.ports.observer import EventsHandedOff as EventsHandedOff
from asyncevents_core.ports.observer import EventsPublished as EventsPublished
from asyncevents_core.ports.observer import HandOffsDropped as HandOffsDropped
from asyncevents_core.ports.observer import LedgerUsed as LedgerUsed
from asyncevents_core.ports.observer import Notice as Notice
from asyncevents_core.ports.observer import Observer as Observer
from asyncevents_core.ports.observer import RoundClaimed as RoundClaimed
from asyncevents_core.ports.observer import SubscriptionChanged as SubscriptionChanged
from asyncevents_core.ports.observer import WorkerMeasured as WorkerMeasured
from asyncevents_core.ports.observer import WorkerStarted as WorkerStarted
from asyncevents_core.ports.observer import WorkerStopping as WorkerStopping
from asyncevents_core.ports.resolver import ArgumentCheck as ArgumentCheck
from asyncevents_core.ports.resolver import BuildService as BuildService
from asyncevents_core.ports.resolver import Service as Service
from asyncevents_core.ports.resolver import ServiceResolver as ServiceResolver
from asyncevents_core.ports.resolver import ServiceResolverType as ServiceResolverType
from asyncevents_core.ports.retry import RetryManager as RetryManager
from asyncevents_core.ports.retry import RetryManagerType as RetryManagerType
from asyncevents_core.ports.retry import ScheduledRetry as ScheduledRetry
from asyncevents_core.ports.retry_policy import FailedAttempt as FailedAttempt
from asyncevents_core.ports.retry_policy import RetryPolicyType as RetryPolicyType
from asyncevents_core.ports.sink import DEVELOPMENT as DEVELOPMENT
from asyncevents_core.ports.sink import EXAMPLE as EXAMPLE
from asyncevents_core.ports.sink import GROUP as GROUP
from asyncevents_core.ports.sink import HELP as HELP
from asyncevents_core.ports.sink import LINES as LINES
from asyncevents_core.ports.sink import ORDER as ORDER
from asyncevents_core.ports.sink import SECRET as SECRET
from asyncevents_core.ports.sink import TITLE as TITLE
from asyncevents_core.ports.sink import BatchingSink as BatchingSink
from asyncevents_core.ports.sink import BatchLimits as BatchLimits
from asyncevents_core.ports.sink import BlockingSink as BlockingSink
from asyncevents_core.ports.sink import DeliveryRequest as DeliveryRequest
from asyncevents_core.ports.sink import NoOptions as NoOptions
from asyncevents_core.ports.sink import SentRequest as SentRequest
from asyncevents_core.ports.sink import Sink as Sink
from asyncevents_core.ports.sink import SinkType as SinkType
