"""A small shop that publishes events: what `asyncevents demo` runs, and an example to read."""
