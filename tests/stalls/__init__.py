"""The stall table: each kind of stall, injected for real and alone, is healed or named in time."""
