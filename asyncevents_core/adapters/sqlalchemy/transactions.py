"""A transaction and a view of the ledger: one attribute for each noun."""

from __future__ import annotations

from functools import cached_property

from asyncevents_core.adapters.sqlalchemy.access import SqlAccess, SqlAccessView
from asyncevents_core.adapters.sqlalchemy.backlog import backlog
from asyncevents_core.adapters.sqlalchemy.dead_letters import SqlDeadLetters, SqlDeadLettersView
from asyncevents_core.adapters.sqlalchemy.deliveries import SqlDeliveries
from asyncevents_core.adapters.sqlalchemy.events import SqlEvents, SqlEventsView
from asyncevents_core.adapters.sqlalchemy.index import SqlIndexView
from asyncevents_core.adapters.sqlalchemy.index_queue import SqlIndexQueue
from asyncevents_core.adapters.sqlalchemy.log import SqlLogView
from asyncevents_core.adapters.sqlalchemy.neighbours import SqlNeighbours, SqlNeighboursView
from asyncevents_core.adapters.sqlalchemy.outcomes import SqlOutcomes
from asyncevents_core.adapters.sqlalchemy.rates import SqlRates
from asyncevents_core.adapters.sqlalchemy.replays import SqlReplays, SqlReplaysView
from asyncevents_core.adapters.sqlalchemy.server import SqlServerView
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.adapters.sqlalchemy.statistics import SqlStatisticsView
from asyncevents_core.adapters.sqlalchemy.subscriptions import (
    SqlSubscriptions,
    SqlSubscriptionsView,
)
from asyncevents_core.adapters.sqlalchemy.tasks import SqlTasks, SqlTasksView
from asyncevents_core.adapters.sqlalchemy.traces import SqlTracesView
from asyncevents_core.adapters.sqlalchemy.trial import SqlTrial
from asyncevents_core.adapters.sqlalchemy.users import SqlUsers, SqlUsersView
from asyncevents_core.adapters.sqlalchemy.workers import SqlWorkers, SqlWorkersView
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.ports.ledger import LedgerTransaction, LedgerView


class SqlTransaction(LedgerTransaction):
    """A transaction of the ledger's own. Its nouns are made when they are first said."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def now(self) -> int:
        return self._sql.now()

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self._sql)

    @cached_property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self._sql)

    @cached_property
    def outcomes(self) -> SqlOutcomes:
        return SqlOutcomes(self._sql)

    @cached_property
    def subscriptions(self) -> SqlSubscriptions:
        return SqlSubscriptions(self._sql)

    @cached_property
    def dead_letters(self) -> SqlDeadLetters:
        return SqlDeadLetters(self._sql)

    @cached_property
    def replays(self) -> SqlReplays:
        return SqlReplays(self._sql)

    @cached_property
    def index(self) -> SqlIndexQueue:
        return SqlIndexQueue(self._sql)

    @cached_property
    def access(self) -> SqlAccess:
        return SqlAccess(self._sql)

    @cached_property
    def users(self) -> SqlUsers:
        return SqlUsers(self._sql)

    @cached_property
    def tasks(self) -> SqlTasks:
        return SqlTasks(self._sql)

    @cached_property
    def workers(self) -> SqlWorkers:
        return SqlWorkers(self._sql)

    @cached_property
    def neighbours(self) -> SqlNeighbours:
        return SqlNeighbours(self._sql)

    @cached_property
    def rates(self) -> SqlRates:
        return SqlRates(self._sql)

    @cached_property
    def trial(self) -> SqlTrial:
        return SqlTrial(self._sql)


class SqlView(LedgerView):
    """A transaction that only reads. Its nouns are made when they are first said."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def now(self) -> int:
        return self._sql.clock()

    def backlog(self, *, horizon: float = 0.0, tenant: str | None = None) -> Backlog:
        return backlog(self._sql, horizon=horizon, tenant=tenant)

    @cached_property
    def events(self) -> SqlEventsView:
        return SqlEventsView(self._sql)

    @cached_property
    def traces(self) -> SqlTracesView:
        return SqlTracesView(self._sql)

    @cached_property
    def log(self) -> SqlLogView:
        return SqlLogView(self._sql)

    @cached_property
    def subscriptions(self) -> SqlSubscriptionsView:
        return SqlSubscriptionsView(self._sql)

    @cached_property
    def dead_letters(self) -> SqlDeadLettersView:
        return SqlDeadLettersView(self._sql)

    @cached_property
    def replays(self) -> SqlReplaysView:
        return SqlReplaysView(self._sql)

    @cached_property
    def index(self) -> SqlIndexView:
        return SqlIndexView(self._sql)

    @cached_property
    def access(self) -> SqlAccessView:
        return SqlAccessView(self._sql)

    @cached_property
    def users(self) -> SqlUsersView:
        return SqlUsersView(self._sql)

    @cached_property
    def tasks(self) -> SqlTasksView:
        return SqlTasksView(self._sql)

    @cached_property
    def workers(self) -> SqlWorkersView:
        return SqlWorkersView(self._sql)

    @cached_property
    def neighbours(self) -> SqlNeighboursView:
        return SqlNeighboursView(self._sql)

    @cached_property
    def statistics(self) -> SqlStatisticsView:
        return SqlStatisticsView(self._sql)

    @cached_property
    def server(self) -> SqlServerView:
        return SqlServerView(self._sql)
