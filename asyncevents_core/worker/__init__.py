"""The worker: one asyncio loop that delivers, with the blocking parts on threads beside it.

::

    broker ──> Receiver ──Inbox──> Claimer ──leases──> Deliverer ──outcomes──> Bookkeeper
                  ^                 │   ^              (the loop)               │    │
                  └───── acks ──────┘   └────── Bell, Alarm, permits ───────────┘    │
                                    │                                                │
                          ledger: claim_round                       ledger: outcomes, beats

`assembly` puts the parts together, `process` runs them until the end, `supervisor` runs several
processes. What the claimer does next is decided in `claim_state`; the transactions are functions
of `asyncevents_core.engine.delivering`.
"""
