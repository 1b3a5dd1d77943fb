"""The words of the framework as values: frozen, keyword-only, no I/O.

Times (`*_at`) are integers, microseconds since 1970-01-01 UTC by the ledger's clock; but an
event's `occurred_at` is by its publisher's. Durations are floats in seconds.
"""
