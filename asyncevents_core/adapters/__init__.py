"""The ports on real things: databases, brokers, cryptography, modules that are imported."""
