"""Reading and searching the log, and feeding the index."""
