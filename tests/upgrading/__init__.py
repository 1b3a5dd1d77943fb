"""Two versions beside one ledger: upgrades while events go out, and the way back."""
