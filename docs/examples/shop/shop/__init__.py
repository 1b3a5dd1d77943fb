"""A small shop that publishes events."""
