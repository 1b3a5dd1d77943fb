"""What all that is compared has in common. Imports nothing, so that a peer's memory is its own."""

from __future__ import annotations

from typing import Final

EVENT: Final = "order.created"
SECRET: Final = "supersecret"
PERMITS: Final = 200
"""The default of the setting; the peers have as many requests under way."""
