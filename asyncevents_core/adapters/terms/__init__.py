"""How documents become terms, and queries questions about terms: the same for every engine.

An engine that keeps exact terms, and words with their positions, finds what
docs/reference/search.md says if it writes what `leaves` makes of a document, and answers what
`translating` asks through a `QueryMaker`. Nothing here knows an engine.
"""
