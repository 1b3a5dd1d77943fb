"""asyncevents-http: the webhook sink, and receivers to develop with."""
