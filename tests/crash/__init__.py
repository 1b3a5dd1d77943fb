"""The crash suite: a world of processes and servers, faults that befall it, and what is counted."""
