"""Real services for the tests: what each needs, how to get it, whether it is here."""
