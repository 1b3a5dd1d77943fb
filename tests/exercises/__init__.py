"""Exercises for people and assistants: what they did is checked by running it."""
