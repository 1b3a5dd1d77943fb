"""A sink that appends events to files."""
