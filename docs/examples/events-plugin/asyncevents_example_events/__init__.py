"""A library that publishes events of its own."""
