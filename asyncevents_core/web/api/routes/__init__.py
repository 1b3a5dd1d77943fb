"""The routes, a module per family."""
