"""The worker: one asyncio loop that delivers, with the blocking parts on threads beside it.

::

    broker ──> Receiver ──ids──> Claimer ──leases──> Deliverer (the loop) ──outcomes──> Bookkeeper
                  ^                 │  ^                                                    │
                  └──── acks ───────┘  └─────────── permits, due times ─────────────────────┘
                                    v                                                       v
                                  ledger (T1, T3, T4)                              ledger (T2, beats)
"""
