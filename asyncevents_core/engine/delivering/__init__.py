"""How events become deliveries and deliveries become attempts: what a worker does."""
