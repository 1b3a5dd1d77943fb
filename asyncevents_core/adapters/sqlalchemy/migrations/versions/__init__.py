"""The history, one for all databases."""
