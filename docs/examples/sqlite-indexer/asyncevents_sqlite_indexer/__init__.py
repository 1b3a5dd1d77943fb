"""An example of a plugin: an indexer on SQLite.

`database` is the file and its tables, `writing` puts documents into them, `making` asks about
terms in SQL, `indexer` is what the contract asks for, `plugin` registers it.
"""
