"""The settings: their schema, where they come from, and what replaces them at run time."""
