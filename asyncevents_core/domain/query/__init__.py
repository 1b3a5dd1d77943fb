"""Queries over what was sent, as values: no engine, no I/O, no query text.

`nodes` is the tree. `fields` says what can be asked about, `leaves` how a document falls apart
into values, `readings` and `words` what a value is searched as. Every indexer builds on these, so
that all of them find the same. `printing` writes a query as Lucene text again.
"""

from __future__ import annotations
