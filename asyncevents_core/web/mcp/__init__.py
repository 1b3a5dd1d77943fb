"""The door for AI agents: the Model Context Protocol over HTTP, beside the REST API."""
