"""The ports on real things: databases, brokers, cryptography, importlib."""
