"""How an event gets into the ledger, and its id to the broker."""
