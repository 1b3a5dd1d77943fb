"""The use cases, in stories; they know the ports only. Each builds on those below it.

replaying     what was sent is sent again: one delivery, dead letters, what a search finds
searching     the log and its pages, the search, feeding and rebuilding the index
upkeep        the clean-up, and the state of everything at a glance
managing      subscriptions, secrets, tokens, run-time values; test deliveries
publishing    an event goes into the ledger, its id to the broker
delivering    events are claimed and fanned out, deliveries attempted, outcomes written
shared        the audit log, idempotency, tasks for one process, telling observers

docs/explanation/state-machine.md describes the transactions; docs/explanation/architecture.md walks
one event through the code.
"""
