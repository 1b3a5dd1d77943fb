"""An example of a plugin: a retry manager on Redis."""
