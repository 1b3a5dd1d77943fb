"""The contracts between the engine and everything around it; each docstring is binding."""
