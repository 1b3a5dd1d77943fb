"""Fakes and conformance suites."""
