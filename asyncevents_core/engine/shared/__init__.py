"""What several stories of the engine need: the audit log, idempotency, tasks for one process."""
