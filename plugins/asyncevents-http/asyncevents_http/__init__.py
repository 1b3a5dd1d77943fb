"""asyncevents-http: the webhook sink, what verifies its requests, and receivers to develop with."""

from asyncevents_http.verifying import InvalidSignature, verify

__all__ = ["InvalidSignature", "verify"]
