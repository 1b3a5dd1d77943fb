"""What keeps the ledger small and shows its state."""
