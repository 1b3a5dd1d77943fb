"""Called as the commands are."""
