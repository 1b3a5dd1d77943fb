"""The state machine as a model, what is checked of it, and the rules that are broken on purpose."""
