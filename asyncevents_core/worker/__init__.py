"""The worker: one asyncio loop that delivers, with the blocking parts on threads beside it.

::

    broker ──> Receiver ──ids──> Claimer ──leases──> Deliverer ──outcomes──> Bookkeeper
                  ^              │    ^              (the loop)               │    │
                  └──── acks ────┘    └──────── permits, due times ───────────┘    │
                                 │                                                 │
                       ledger (T1, T3, T4)                              ledger (T2, beats)

T1 (claim), T2 (outcome), T3 (due) and T4 (sweep) are transactions of `asyncevents_core.engine`.
"""
