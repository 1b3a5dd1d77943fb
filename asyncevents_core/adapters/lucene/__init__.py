"""Lucene query texts, parsed with luqum into `asyncevents_core.domain.query`."""

from asyncevents_core.adapters.lucene.language import Lucene
from asyncevents_core.adapters.lucene.parsing import parse_query

__all__ = ["Lucene", "parse_query"]
