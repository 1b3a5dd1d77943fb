"""The scenarios. `tests.benchmarks.suite` has their order."""
