"""One module for each command, called as the command is."""
