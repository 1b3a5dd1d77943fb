"""`python -m asyncevents_core` is `asyncevents`."""

from asyncevents_core.cli.app import main

main()
