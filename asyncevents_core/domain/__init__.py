"""The words of the framework as values: frozen, keyword-only, no I/O.

Times are integers, microseconds since 1970-01-01 UTC by the ledger's clock (`*_at`);
durations are floats in seconds.
"""
